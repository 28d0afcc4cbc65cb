// What the verifier answers; internal/evidence/report.go has the whole shape.

export const questions = ["authentic", "anchored", "final", "complete", "compliant"] as const;
export type Question = (typeof questions)[number];
export type Status = "pass" | "fail" | "unknown";

export type EvidenceFinding = {
  code: string;
  verdict: string;
  severity: "fail" | "unknown" | "warn";
  where: string;
  expected: string;
  found: string;
  more?: number; // further ones of this code that are not listed
};

export type AnchorFact = { block: number; tx: string; time_ms: number; size: number; ordered_by: string[] | null; endorsed_by: string[] | null; confirmed_by: string[] | null };
export type TrackerFact = { id: string; owner: string; messages: number; first_ms: number; last_ms: number };

export type Report = {
  version: number;
  bundle: string; // SHA-256; "" when it was not read to its end
  policy: string; // SHA-256
  kind: "shipment" | "message";
  channel: string;
  shipment: string;
  verdicts: Record<Question, Status>;
  passed: boolean;
  required: string[];
  findings: EvidenceFinding[];
  facts: {
    messages: number;
    withheld: number;
    trackers: TrackerFact[];
    anchors: AnchorFact[];
    attested: string[];
    consensus: string;
  };
  confirmed?: { by: number; of: number }; // parties, as the closing record has their opinions; absent before the close
  opinions?: { by: string; result: string; standing: "right" | "wrong" | "unchecked" }[]; // by is an MSP id
  exit: number;
};

export const meaning: Record<Question, string> = {
  authentic: "The messages come from the trackers and are unchanged",
  anchored: "The ledger holds a root that covers all of them",
  final: "Enough organisations attest that ledger state",
  complete: "Nothing was left out between start and end",
  compliant: "The shipment met its rules",
};

// reportFrom reads the verifier's answer. Anything but a whole report is an error, so that a part of one never looks like
// a result. Throws Error.
export function reportFrom(text: string): Report {
  const answer = JSON.parse(text) as Partial<Report> & { error?: string };
  if (typeof answer.error === "string") throw new Error(answer.error);
  const whole =
    answer.version === 1 &&
    typeof answer.passed === "boolean" &&
    Array.isArray(answer.required) &&
    Array.isArray(answer.findings) &&
    questions.every((q) => ["pass", "fail", "unknown"].includes(answer.verdicts?.[q] ?? ""));
  if (!whole) throw new Error("this page does not recognise the shape of the verifier's report");
  return answer as Report;
}

// Outcome sums a report up for one shipment. Honest evidence of another shipment proves nothing about this one, so it never
// counts as passed; wanted is "" when any shipment will do.
export type Outcome = { tone: "good" | "bad" | "unsure"; title: string; other: boolean };

export function outcomeOf(report: Report, wanted: string): Outcome {
  const other = wanted !== "" && report.shipment !== wanted;
  const list = (status: Status) => report.required.filter((q) => report.verdicts[q as Question] === status);
  if (other) {
    const about = report.shipment ? `This bundle is for ${report.shipment}, not for this shipment` : "This bundle names no shipment";
    return { tone: "bad", title: about, other };
  }
  const one = report.kind === "message" ? "one message only: " : "";
  if (report.passed) return { tone: "good", title: sentenceOf(`${one}everything that your policy requires passed`), other };
  const failed = list("fail");
  const unknown = list("unknown");
  const title = failed.length > 0 ? `not passed: ${failed.join(", ")} failed` : `not passed: ${unknown.join(", ")} unknown`;
  return { tone: failed.length > 0 ? "bad" : "unsure", title: sentenceOf(one + title), other };
}

const weight = { fail: 0, unknown: 1, warn: 2 };

// worstFirst keeps the verifier's order within one severity: from the ledger inwards.
export function worstFirst(findings: EvidenceFinding[]): EvidenceFinding[] {
  return [...findings].sort((a, b) => (weight[a.severity] ?? 0) - (weight[b.severity] ?? 0));
}

function sentenceOf(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// confirmedBy says by how many parties the result is confirmed, and whose opinion is wrong; "" when the bundle tells of none.
export function confirmedBy(r: Pick<Report, "confirmed" | "opinions">, name: (msp: string) => string): string {
  if (!r.confirmed) return "";
  const wrong = (r.opinions ?? []).filter((o) => o.standing === "wrong").map((o) => name(o.by));
  return `${r.confirmed.by} of ${r.confirmed.of} parties${wrong.length > 0 ? `; not what the readings give: ${wrong.join(", ")}` : ""}`;
}
