import type { RuleSetInfo } from "#rest";
import { formatLimit, type TemperatureUnit, convert } from "../format/quantity";
import { formatSpan } from "../format/time";

// Limit is one line on the chart: beyond it (above an upper, below a lower) the rule counts the time as out.
export type Limit = {
  rule: string;
  side: "upper" | "lower";
  reached: boolean; // the value itself is out already
  value: number; // converted
  label: string;
  severity: string;
  tightest: boolean; // of its side
};

export function limitsOf(rules: RuleSetInfo | undefined, metric: string, unit: TemperatureUnit): Limit[] {
  const limits: Limit[] = [];
  for (const rule of rules?.rules ?? []) {
    const bound = rule.limit;
    const raw = Number(bound?.value);
    if (bound?.metric !== metric || !Number.isFinite(raw)) continue;
    const side = bound.op.startsWith(">") ? "upper" : "lower";
    const allowed = bound.duration_s ? ` for ${formatSpan(bound.duration_s)}${bound.mode === "cumulative" ? " in total" : ""}` : "";
    limits.push({
      rule: rule.id,
      side,
      reached: bound.op.endsWith("="),
      value: convert(metric, raw, unit),
      label: `${side === "upper" ? "max" : "min"} ${formatLimit(metric, raw, unit)}${allowed}`,
      severity: rule.severity ?? "",
      tightest: false,
    });
  }
  for (const side of ["upper", "lower"] as const) {
    const values = limits.filter((l) => l.side === side).map((l) => l.value);
    const tightest = side === "upper" ? Math.min(...values) : Math.max(...values);
    for (const limit of limits) if (limit.side === side && limit.value === tightest) limit.tightest = true;
  }
  return limits.sort((a, b) => b.value - a.value);
}

export function outOf(value: number, limits: Limit[]): boolean {
  return limits.some((l) => (value === l.value ? l.reached : l.side === "upper" ? value > l.value : value < l.value));
}

// scaleOf gives the y range: all data and the tightest limit of each side, with room to breathe.
export function scaleOf(min: number, max: number, limits: Limit[], floor?: number): [number, number] {
  const shown = limits.filter((l) => l.tightest).map((l) => l.value);
  if (Number.isFinite(min)) shown.push(min, max);
  if (floor !== undefined) shown.push(floor);
  if (shown.length === 0) return [0, 1];
  const low = Math.min(...shown);
  const high = Math.max(...shown);
  const room = (high - low) * 0.12 || Math.max(Math.abs(high) * 0.1, 1);
  return [floor !== undefined && low >= floor ? floor : low - room, high + room];
}
