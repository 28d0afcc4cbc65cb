// The members of the REST answers that the pages read (see /openapi.json for all of them). Times are RFC 3339 UTC.

export type List<T> = { items: T[]; next?: string };

export type ShipmentState = "created" | "in_transit" | "delivered" | "closed";
export type VerdictName = "compliant" | "non_compliant" | "inconclusive" | "none";
export type Values = Record<string, number>;

export type Assignment = { tracker: string; from: string; to: string | null; by?: string };

export type Handover = {
  n?: number;
  from: string;
  to: string;
  state: "proposed" | "accepted" | "rejected";
  note?: string;
  reason?: string;
  proposed_at?: string | null;
  answered_at?: string | null;
  propose_tx?: string;
  answer_tx?: string;
};

export type Last = { time: string; tracker?: string } & { [quantity: string]: number | string | undefined };

export type Shipment = {
  id: string;
  state: ShipmentState;
  parties: Record<string, string>;
  custodian: string;
  rule_set: string;
  rule_set_hash: string;
  description?: string;
  origin?: string;
  destination?: string;
  created_at: string;
  delivered_at?: string | null;
  closed_at?: string | null;
  assignments?: Assignment[] | null;
  pending_handover?: Handover | null;
  verdict: VerdictName;
  last?: Last | null;
  messages?: number;
  tx?: string;
};

export type RawReading = { time: string; tracker: string; leaf?: number; values: Values };
export type Bucket = {
  from: string;
  to: string;
  tracker: string;
  min: Values;
  max: Values;
  mean: Values;
  count: Values;
};

export type LimitRule = {
  metric: string;
  op: ">" | ">=" | "<" | "<=";
  value: string;
  mode: "instant" | "consecutive" | "cumulative";
  duration_s?: number;
};

// A rule has one kind; the chart draws limits.
export type Rule = { id: string; severity: "info" | "minor" | "major" | "critical"; limit?: LimitRule };

export type RuleSet = { id: string; version: number; title?: string; max_gap_s?: number; rules: Rule[] | null };

export type Excursion = {
  id: string;
  rule: string;
  metric: string;
  tracker: string;
  severity: string;
  start: string;
  end?: string | null;
  peak: string;
  limit: string;
  ledger_tx?: string | null;
};

export type MetricTime = { in_s: number; out_s: number; unknown_s: number };

export type Revision = { revision: number; result: string; recorded_at?: string; tx?: string; by?: string };

export type Compliance = {
  verdict: VerdictName;
  rule_set?: RuleSet | null;
  rule_set_hash: string;
  reasons: string[] | null;
  evaluated_to?: string | null;
  metrics?: Record<string, MetricTime> | null;
  excursions: Excursion[] | null;
  revisions?: Revision[] | null;
};

export type PeerAnswer = { org: string; ok: boolean; detail?: string };
export type VerifiedLog = {
  log: string;
  size: number;
  root: string; // "" when a leaf is missing
  anchored?: { size: number; tx: string; block: number; peers?: PeerAnswer[] | null } | null; // size 0: none yet
};
export type Finding = {
  log?: string;
  leaf?: number;
  tracker?: string;
  message?: string; // hash, "" when it is not known
  check?: string;
  detail: string;
};
// count is of all findings; only the first are listed.
export type Check = { check: string; ok: boolean; count?: number; findings?: Finding[] | null };
export type Verification = {
  ok: boolean;
  checked_at: string;
  messages: number;
  logs: VerifiedLog[] | null;
  checks: Check[] | null;
};

export type Token = { access_token: string; token_type: string; expires_in: number; scope?: string };
