import type { Band, Fence, Rule } from "#rest";
import { formatLimit, labelOf, unitOf, type TemperatureUnit } from "./quantity";
import { formatSpan } from "./time";

const verbs: Record<string, string> = {
  ">": "must not be above",
  ">=": "must stay below",
  "<": "must not be below",
  "<=": "must stay above",
};

// ruleSentence says in words what a rule asks, in the person's unit; "" for a kind that this page does not know.
export function ruleSentence(rule: Rule, t: TemperatureUnit): string {
  const asks = askOf(rule, t);
  if (!asks) return "";
  const when: string[] = [];
  if (rule.stages?.length) when.push(rule.stages.map((s) => s.replaceAll("_", " ")).join(" and "));
  if (rule.settle_s) when.push(`after the first ${formatSpan(rule.settle_s)}`);
  if (rule.per === "leg") when.push("anew for each custodian");
  if (rule.optional) when.push("if it is measured");
  return [asks, ...when].join(", ");
}

function askOf(r: Rule, t: TemperatureUnit): string {
  if (r.limit) {
    const c = r.limit;
    const verb = verbs[c.op];
    const span = c.duration_s ? ` for ${formatSpan(c.duration_s)}` : "";
    const mode = {
      instant: " at any moment",
      consecutive: `${span} in a row`,
      cumulative: `${span} in all${c.window_s ? ` within any ${formatSpan(c.window_s)}` : ""}`,
    }[c.mode];
    return verb && mode !== undefined ? `${labelOf(c.metric)} ${verb} ${quantity(c.metric, c.value, t)}${mode}` : "";
  }
  if (r.mkt) return `Mean kinetic temperature over any ${formatSpan(r.mkt.window_s)} must not be above ${quantity("temperature", r.mkt.max, t)}`;
  if (r.budget) {
    const c = r.budget;
    return `${labelOf(c.metric)} belongs at ${range(c.metric, c.label_min, c.label_max, t)}; outside of it ${c.bands.map((b) => bandText(c.metric, b, t)).join("; ")}`;
  }
  if (r.shock) {
    const c = r.shock;
    const what = [c.min && `of ${c.min} m/s² and more`, c.min_ms && `for ${c.min_ms} ms`, c.min_velocity && `with ${c.min_velocity} m/s of velocity change`];
    return [most(c.max_events, "shock"), ...what].filter(Boolean).join(" ");
  }
  if (r.drop) return `${most(r.drop.max_events, "drop")} from ${r.drop.min_height} m or higher`;
  if (r.vibration) return `Vibration must not be above ${r.vibration.max} m/s² RMS over ${formatSpan(r.vibration.window_s)}`;
  if (r.opening) {
    const c = r.opening;
    const by = [c.door && "the door", c.light_above && `light above ${c.light_above} lx`].filter(Boolean).join(" or ");
    return `Must not be ${c.max_open_s ? `open for more than ${formatSpan(c.max_open_s)}` : "opened"}${except(c.allowed_in)}, as ${by} tells`;
  }
  if (r.geofence) {
    const c = r.geofence;
    const verb = { enter: "must not enter", exit: "must not leave", outside: "must not be outside of" }[c.forbid];
    return verb ? `The goods ${verb} ${names(c.fences)}${c.dwell_s ? ` for ${formatSpan(c.dwell_s)}` : ""}` : "";
  }
  if (r.corridor) return `The goods must stay within ${r.corridor.within_m} m of the route`;
  if (r.stop) return `No stop of more than ${formatSpan(r.stop.max_s)} within ${r.stop.radius_m} m${except(r.stop.allowed_in)}`;
  if (r.silence) return `A reading at least every ${formatSpan(r.silence.max_s)}${r.silence.promise ? ", and when the tracker promised one" : ""}`;
  if (r.recorder) return recorderText(r.recorder, t);
  if (r.all?.length) return nested("Not all of these at once", r.all, t);
  if (r.any?.length) return nested("Not any of these", r.any, t);
  return "";
}

function recorderText(c: NonNullable<Rule["recorder"]>, t: TemperatureUnit): string {
  const parts: string[] = [];
  if (c.standard && !c.intervals?.length) parts.push(`read as often as ${c.standard} asks`);
  for (const v of c.intervals ?? []) {
    parts.push(`read every ${formatSpan(v.max_interval_s)}${v.trip_below_s ? ` on trips below ${formatSpan(v.trip_below_s)}` : ""}`);
  }
  if (c.coverage) parts.push(`cover ${percent(c.coverage)} of the time`);
  const metric = c.metric ?? "temperature";
  if (c.min && c.max) parts.push(`measure from ${range(metric, c.min, c.max, t)}`);
  else if (c.min) parts.push(`measure down to ${quantity(metric, c.min, t)}`);
  else if (c.max) parts.push(`measure up to ${quantity(metric, c.max, t)}`);
  if (c.measures?.length) parts.push(`measure ${c.measures.join(" or ")}`);
  if (c.calibration) parts.push("be calibrated for the whole trip");
  return parts.length > 0 ? `Trackers must ${parts.join(", ")}` : "";
}

function nested(head: string, rules: Rule[], t: TemperatureUnit): string {
  const all = rules.map((r) => ruleSentence(r, t) || r.title || "");
  return all.every(Boolean) ? `${head}: ${all.join("; ")}` : "";
}

function bandText(metric: string, b: Band, t: TemperatureUnit): string {
  const limits = [b.total_s && `${formatSpan(b.total_s)} in all`, b.single_s && `${formatSpan(b.single_s)} at a time`].filter(Boolean);
  const where = range(metric, b.min, b.max, t);
  return limits.length > 0 ? `at most ${limits.join(" and ")} at ${where}` : `any time at ${where}`;
}

const names = (all: Fence[]) => all.map((f) => f.id).join(", ");
const except = (all: Fence[] | null | undefined) => (all?.length ? ` but in ${names(all)}` : "");
const most = (n: number | undefined, what: string) => (n ? `At most ${n} ${what}${n === 1 ? "" : "s"}` : `No ${what}`);

function percent(share: string): string {
  const value = Number(share);
  return Number.isFinite(value) ? `${Math.round(value * 1000) / 10}\u00a0%` : share;
}

// Values travel as decimal text; what is no number stays as it is.
function quantity(metric: string, text: string, t: TemperatureUnit): string {
  const value = Number(text);
  return text !== "" && Number.isFinite(value) ? formatLimit(metric, value, t) : text;
}

function range(metric: string, from: string, to: string, t: TemperatureUnit): string {
  const unit = unitOf(metric, t);
  const first = quantity(metric, from, t);
  return `${unit && first.endsWith(unit) ? first.slice(0, -unit.length).trimEnd() : first} to ${quantity(metric, to, t)}`;
}
