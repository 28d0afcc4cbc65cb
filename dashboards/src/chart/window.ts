import type { Shipment } from "#rest";

// Window is what the chart shows: milliseconds since 1970 UTC.
export type Window = { from: number; to: number };

export const ranges = ["1h", "6h", "24h", "7d", "measured", "all"] as const;
export type Range = (typeof ranges)[number];

const hour = 3_600_000;
const spans: Record<Exclude<Range, "measured" | "all">, number> = { "1h": hour, "6h": 6 * hour, "24h": 24 * hour, "7d": 168 * hour };

export function windowOf(range: Range, whole: Window, lastMs = whole.to): Window {
  if (range === "all") return whole;
  if (range === "measured") return { from: whole.from, to: measuredTo(whole, lastMs) };
  return { from: Math.max(whole.from, whole.to - spans[range]), to: whole.to };
}

// A little of the silence after the newest reading is shown as well, so that it can be seen to be one.
function measuredTo(whole: Window, lastMs: number): number {
  return Math.min(lastMs + Math.max((lastMs - whole.from) / 12, 1_000), whole.to);
}

// mostlySilent is true of a trip whose readings would be a stripe beside the silence that followed: one that was recorded
// long before it was sent, or whose trackers fell silent.
function mostlySilent(whole: Window, lastMs: number): boolean {
  return lastMs > whole.from && measuredTo(whole, lastMs) - whole.from < (whole.to - whole.from) / 4;
}

// usefulRanges leaves out those that would show the same as another. lastMs is when the newest reading was taken.
export function usefulRanges(whole: Window, lastMs = whole.to): Range[] {
  const length = whole.to - whole.from;
  return ranges.filter((range) => range === "all" || (range === "measured" ? mostlySilent(whole, lastMs) : spans[range] < length));
}

// defaultRange is what was measured when most of the rest is silence, else the newest day of a long trip, unless that day
// has no reading.
export function defaultRange(whole: Window, lastMs = whole.to): Range {
  if (mostlySilent(whole, lastMs)) return "measured";
  return whole.to - whole.from > 3 * spans["24h"] && lastMs > whole.to - spans["24h"] ? "24h" : "all";
}

const steps: [text: string, ms: number][] = [
  ["10s", 10_000],
  ["30s", 30_000],
  ["1m", 60_000],
  ["2m", 120_000],
  ["5m", 300_000],
  ["10m", 600_000],
  ["15m", 900_000],
  ["30m", 1_800_000],
  ["1h", hour],
  ["2h", 2 * hour],
  ["6h", 6 * hour],
  ["24h", 24 * hour],
];

// Readings come every few seconds at most, so two hours of them are few enough to draw one by one.
const rawSpan = 2 * hour;

// everyFor picks the bucket that keeps a line under maxPoints, or undefined for single readings.
export function everyFor(window: Window, maxPoints = 600): string | undefined {
  const length = window.to - window.from;
  if (length <= rawSpan) return undefined;
  return (steps.find(([, ms]) => length / ms <= maxPoints) ?? steps[steps.length - 1]!)[0];
}

// wholeWindow spans a shipment from its first assignment to now, or to its end when it has ended.
export function wholeWindow(
  shipment: Pick<Shipment, "state" | "created_at" | "delivered_at" | "closed_at" | "last"> & { assignments: { from: string; to: string | null }[] },
  now: number,
): Window {
  const times = (values: (string | null | undefined)[]) =>
    values.map((value) => (value ? Date.parse(value) : NaN)).filter(Number.isFinite);
  const { assignments } = shipment;
  const starts = times(assignments.map((a) => a.from));
  const last = times([shipment.last?.time]);
  const from = Math.min(...(starts.length > 0 ? starts : times([shipment.created_at])), ...last, now);
  const ended = shipment.state === "delivered" || shipment.state === "closed";
  const allEnded = assignments.length > 0 && assignments.every((a) => a.to);
  const ends = allEnded
    ? times(assignments.map((a) => a.to))
    : times([shipment.delivered_at, ended ? shipment.closed_at : null]);
  const to = ended && ends.length > 0 ? Math.max(...ends, ...last) : Math.max(now, ...last);
  return { from, to: Math.max(to, from + 60_000) };
}
