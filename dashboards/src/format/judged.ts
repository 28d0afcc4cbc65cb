import type { JudgedBand, Compliance, Excursion, JudgedFigure, JudgedOpinion, JudgedTracker, Quality, RecordedExcursion, Rejected, Revision, Signature, ComplianceState, TrackerMessage } from "#rest";
import { displayName } from "./member";
import { formatNumber, formatValue, type TemperatureUnit } from "./quantity";
import { formatSpan } from "./time";
import { count, plural, sentence, verdictWord } from "./words";

const ruleStates: Record<string, string> = { met: "Met", broken: "Broken", unknown: "Unknown", not_judged: "Not judged" };

export const ruleStateWord = (state: string) => ruleStates[state] ?? sentence(state);

const meanings: Record<string, string> = { reviewed: "Reviewed", approved: "Approved", responsibility: "Responsible", authorship: "Author" };

export const meaningWord = (meaning: string) => meanings[meaning] ?? sentence(meaning);

const decisions: Record<string, string> = { release: "Released", reject: "Rejected", quarantine: "Quarantined" };

export const decisionWord = (decision: string) => decisions[decision] ?? sentence(decision);

// "Ana Silva of Carrier", "gate-7 (machine) of Carrier"; the name is not here where its details are not
export const signer = (s: Signature) => `${s.signer.name || "Somebody"}${s.signer.kind === "machine" ? " (machine)" : ""} of ${displayName(s.org)}`;

// bandText: "1 h 30 min of 12 h spent · longest stay 40 min of 1 h · 10 min charged for unknown time".
export function bandText(b: JudgedBand): string {
  const parts = [b.max_s > 0 ? `${formatSpan(b.spent_s)} of ${formatSpan(b.max_s)} spent` : `${formatSpan(b.spent_s)} spent`];
  if (b.max_single_s > 0) parts.push(`longest stay ${formatSpan(b.longest_s)} of ${formatSpan(b.max_single_s)}`);
  if (b.charged_s > 0) parts.push(`${formatSpan(b.charged_s)} charged for unknown time`);
  if (b.carried_s > 0) parts.push(`${formatSpan(b.carried_s)} carried over from before this shipment`);
  return parts.join(" · ");
}

// bandPart is what is used of the tighter limit, 0 to 1; null without a limit.
export function bandPart(b: JudgedBand): number | null {
  const parts = [b.max_s > 0 ? b.spent_s / b.max_s : null, b.max_single_s > 0 ? b.longest_s / b.max_single_s : null].filter((p) => p !== null);
  return parts.length > 0 ? Math.min(Math.max(...parts), 1) : null;
}

// confirmedText: "Not compliant, confirmed by 3 of 4 parties".
export const confirmedText = (c: Pick<Compliance, "verdict" | "confirmed">) => `${verdictWord(c.verdict)}, confirmed by ${c.confirmed.by} of ${plural(c.confirmed.of, "party", "parties")}`;

// standings say of the parties' opinions what the count does not: who is not among those that confirm and why, and whose findings are
// others. Where from is given, it is the time from which on, and ends the sentence.
export function standings(c: Pick<Compliance, "opinions">): { text: string; from: string | null }[] {
  const silent = c.opinions.filter((o) => o.standing === "none").map((o) => displayName(o.by));
  const told = c.opinions.map((o) => ({ text: standing(o), from: o.differ_from })).filter((s) => s.text);
  return silent.length > 0 ? [...told, { text: `No verdict yet from ${silent.join(", ")}`, from: null }] : told;
}

function standing(o: JudgedOpinion): string {
  const said = (verb: string) => `${displayName(o.by)} ${verb} ${verdictWord(o.result).toLowerCase()}`;
  switch (o.standing) {
    case "none":
      return "";
    case "earlier":
      return `${said("said")}, from earlier readings`;
    case "ahead":
      return `${said("says")}, from readings that are not here yet`;
    case "other_history":
      return `${said("says")}, ${o.reason}`;
    case "differs":
      return o.differ_from ? `${said("says")}, and finds otherwise from` : `${said("says")}: ${o.reason}`;
  }
  if (!o.reason) return "";
  return o.differ_from ? `${displayName(o.by)} says the same, and finds otherwise from` : `${displayName(o.by)} says the same: ${o.reason}`;
}

// releaseText: what a shipment asks of a release.
export const releaseText = (n: number) => (n === 1 ? "A release needs a party that confirms the verdict it rests on" : `A release needs ${n} parties that confirm the verdict it rests on`);

// newestOf are the newest verdicts on the ledger, one of each party that has one.
export function newestOf(revisions: Revision[]): Revision[] {
  const newest = new Map<string, Revision>();
  for (const r of revisions) if (r.revision > (newest.get(r.by)?.revision ?? 0)) newest.set(r.by, r);
  return [...newest.values()].sort((a, b) => a.by.localeCompare(b.by));
}

export function complianceStateText(s: ComplianceState): string {
  const only = s.opinions.length === 1 ? `, revision ${s.opinions[0]!.revision}` : "";
  const verdict = s.reason ? `${verdictWord(s.result)}: ${s.reason}` : s.result ? `${verdictWord(s.result)}${only}` : "No verdict on the ledger yet";
  if (s.total === 0) return `${verdict}; no excursion`;
  // A verified breach lies within an excursion as a rule: it is told beside the excursions, not as one more.
  const breaches = s.verified ?? 0;
  const recorded = s.total - breaches;
  const parts = [verdict];
  if (recorded > 0) parts.push(`${plural(recorded, "excursion")}, ${s.open > 0 ? `${s.open} still open` : "none open"}`);
  if (breaches > 0) parts.push(plural(breaches, "verified breach", "verified breaches"));
  return parts.join("; ");
}

// addedUp warns that two trackers make two hours of one; "" for one tracker.
export const addedUp = (c: Pick<Compliance, "trackers"> | undefined) => ((c?.trackers?.length ?? 0) > 1 ? `times added up over ${c!.trackers!.length} trackers` : "");

export function figureValue(f: JudgedFigure, t: TemperatureUnit): string {
  const value = Number(f.value);
  if (f.value === "" || !Number.isFinite(value)) return f.value;
  switch (f.unit) {
    case "Cel":
      return formatValue("temperature", value, t);
    case "s":
      return formatSpan(value);
    case "m/s2":
      return `${formatNumber("shock", value)}\u00a0m/s²`;
    case "":
      return count(value);
  }
  return `${f.value.replace("-", "−")}\u00a0${f.unit}`;
}

const flagWords: Record<string, [one: string, many: string]> = {
  sensor_fault: ["sensor fault", "sensor faults"],
  jump: ["jump", "jumps"],
  constancy: ["frozen", "frozen"],
  outlier: ["outlier", "outliers"],
  drift: ["drifting from the other trackers", "drifting from the other trackers"],
  teleport: ["impossible move", "impossible moves"],
  availability: ["poor hour", "poor hours"],
};

// flagsText counts what looked wrong: "3 jumps, 1 outlier".
export function flagsText(flags: Quality["total"]["flags"]): string {
  const parts = Object.entries(flags)
    .filter(([, n]) => n > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([flag, n]) => `${count(n)} ${flagWords[flag]?.[n === 1 ? 0 : 1] ?? sentence(flag).toLowerCase()}`);
  return parts.length > 0 ? parts.join(", ") : "nothing odd";
}

export const availabilityText = (share: number | null | undefined) =>
  typeof share === "number" ? `${(Math.floor(share * 1000) / 10).toFixed(share >= 1 ? 0 : 1)}\u00a0% of the expected minutes have a reading` : "";

// refusedText says why, and how often since the time before.
export function refusedText(r: Pick<Rejected, "reason" | "detail" | "count">): string {
  const why = r.detail ? `${sentence(r.reason).toLowerCase()}, ${r.detail}` : sentence(r.reason).toLowerCase();
  return r.count > 1 ? `${why} (${count(r.count)} times)` : why;
}

// clockText says how wrong a tracker's clock is, by a message: its time against that of its receipt. One that comes after its time may
// have waited, so a slow clock is never certain; after a quarter of an hour it says nothing.
export function clockText(m: Pick<TrackerMessage, "time" | "received_at" | "trust" | "undated">): string {
  const off = (Date.parse(m.time) - Date.parse(m.received_at)) / 1000;
  if (off > 30) return `Clock ${formatSpan(off)} fast${m.undated ? ": its times do not count" : ""}`;
  if (m.trust !== "signed") return ""; // its time is that of a reading, which may be old
  if (m.undated) return "Clock not set: its times do not count";
  return off < -30 && off >= -900 ? `Clock ${formatSpan(-off)} slow, or the message was delayed` : "";
}

// recordsOf are the ledger's records of an excursion: that with its id, and breaches that the peers verified within it.
export function recordsOf(e: Excursion, recorded: RecordedExcursion[]): RecordedExcursion[] {
  const from = Date.parse(e.start);
  const to = e.end ? Date.parse(e.end) : Infinity;
  return recorded.filter((r) => {
    if (!r.verified) return r.id === e.id;
    const at = Date.parse(r.start);
    return r.rule === e.rule && r.tracker === e.tracker && at >= from && at <= to;
  });
}

// trustText says what vouches for a tracker's messages, and how they come.
export function trustText(t: Pick<JudgedTracker, "trust" | "maker" | "gateway" | "profile">): string {
  switch (t.trust) {
    case "attested":
      return `Signed by the device, whose key ${t.maker} attests`;
    case "device_signed":
      return "Signed by the device";
    case "gateway_signed":
      return `Signed for the device by gateway ${t.gateway}`;
    case "unsigned":
      return `Not signed${t.gateway ? `, through gateway ${t.gateway}` : ""}${t.profile ? `, read by ${t.profile}` : ""}`;
    default:
      return ""; // its record is not there
  }
}
