import type { JudgedOpinion } from "#rest";

// opinions of four parties: one confirms, one differs from a time on, one is of earlier readings, one is silent.
export function opinions(to: string, from: string): JudgedOpinion[] {
  const of = (by: string, standing: JudgedOpinion["standing"], more: Partial<JudgedOpinion>): JudgedOpinion => ({ by, standing, revision: 1, result: "compliant", to, logs: [], older: true, differ_from: null, reason: "", ...more });
  return [
    of("auditor", "none", { revision: 0, result: "", to: null, older: false }),
    of("carrier", "confirms", { revision: 2, result: "non_compliant" }),
    of("consignee", "differs", { differ_from: from, reason: "rule warm finds otherwise" }),
    of("shipper", "earlier", {}),
  ];
}
