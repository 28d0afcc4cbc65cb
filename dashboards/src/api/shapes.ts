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
  state: "proposed" | "accepted" | "rejected" | "withdrawn";
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
  window_s?: number;
};
export type Fence = { id: string };
export type Band = { id: string; min: string; max: string; total_s?: number; single_s?: number };

// A rule has one kind. A rule set may be newer than the page: a kind that is not here stays in words of the api.
export type Rule = {
  id: string;
  title?: string;
  severity?: string;
  optional?: boolean;
  stages?: string[] | null;
  settle_s?: number;
  per?: string;
  limit?: LimitRule;
  mkt?: { metric: string; max: string; window_s: number };
  budget?: { metric: string; label_min: string; label_max: string; bands: Band[] };
  shock?: { min?: string; min_ms?: string; min_velocity?: string; max_events?: number };
  drop?: { min_height: string; max_events?: number };
  vibration?: { max: string; window_s: number };
  opening?: { light_above?: string; door?: boolean; allowed_in?: Fence[] | null; max_open_s?: number };
  geofence?: { fences: Fence[]; forbid: string; dwell_s?: number };
  corridor?: { within_m: number };
  stop?: { max_s: number; radius_m: number; allowed_in?: Fence[] | null };
  silence?: { max_s: number; promise?: boolean };
  recorder?: {
    standard?: string;
    metric?: string;
    min?: string;
    max?: string;
    calibration?: boolean;
    coverage?: string;
    intervals?: { trip_below_s?: number; max_interval_s: number }[] | null;
    measures?: string[] | null;
  };
  all?: Rule[] | null;
  any?: Rule[] | null;
};

export type RuleSet = { id: string; version: number; title?: string; max_gap_s?: number; rules: Rule[] | null };

export type MetricTime = { in_s: number; out_s: number; unknown_s: number };

export type JudgedRule = MetricTime & {
  id: string;
  title?: string;
  text?: string;
  kind?: string;
  severity?: string;
  state: string; // met, unknown, broken, not_judged
  reasons?: string[] | null;
  excursions?: number;
};

export type Excursion = {
  id: string;
  rule: string;
  metric: string;
  tracker: string;
  severity: string;
  start: string;
  end?: string | null;
  out_s?: number;
  peak: string;
  limit: string;
  note?: string;
  held_by?: string | null;
  ledger_tx?: string | null;
  verified?: boolean;
};

// As 21 CFR 11.50 asks: printed name, time, meaning.
export type Signature = { name: string; meaning: string; org: string; subject?: string; signed_at: string; tx?: string };
export type Acknowledgement = { excursion: string; n: number; reason: string; signature: Signature };

export type RecordedExcursion = {
  id: string;
  rule: string;
  metric: string;
  start: string;
  end?: string | null;
  peak: string;
  limit: string;
  found: boolean;
  verified: boolean;
  tracker?: string;
  open_tx?: string;
  acknowledgements: Acknowledgement[] | null;
};

export type Standing = {
  revision: number;
  result: string;
  to?: string | null;
  open: number;
  total: number;
  verified?: number; // of the total
  budget?: { rule: string; band: string; spent_s: number; max_s: number }[] | null;
};

export type Leg = {
  custodian: string;
  from: string;
  to?: string | null;
  metrics?: Record<string, MetricTime> | null;
  excursions: string[] | null;
  out_s: number;
  severity?: string;
  standing?: Standing | null;
};

export type BandUse = {
  rule: string;
  band: string;
  tracker?: string;
  level: string; // ok, watch, critical, exhausted
  spent_s: number;
  max_s: number; // 0: no limit in all
  longest_s: number;
  max_single_s: number; // 0: no limit for one stay
  charged_s: number;
  carried_s: number;
};

export type Figure = { rule: string; tracker: string; name: string; value: string; unit: string };
export type RecorderFitness = { tracker: string; adequate: boolean; reasons: string[] | null };
export type JudgedTracker = { id: string; readings: number; first?: string | null; last?: string | null };
export type Revision = { revision: number; result: string; recorded_at?: string; tx?: string; by?: string };

export type Disposition = {
  revision: number;
  decision: string; // release, reject, quarantine
  reason: string;
  verdict_revision: number;
  result?: string;
  signature: Signature;
};

export type Compliance = {
  verdict: VerdictName;
  rule_set?: RuleSet | null;
  rule_set_hash: string;
  reasons: string[] | null;
  evaluated_to?: string | null;
  metrics?: Record<string, MetricTime> | null;
  rules?: JudgedRule[] | null;
  excursions: Excursion[] | null;
  more_excursions?: number;
  legs?: Leg[] | null;
  trackers?: JudgedTracker[] | null;
  figures?: Figure[] | null;
  budget?: BandUse[] | null;
  recorders?: RecorderFitness[] | null;
  recorded?: RecordedExcursion[] | null;
  revisions?: Revision[] | null;
  disposition?: Disposition | null;
};

// What a person signs.
export type Signed = { name: string; meaning: string; reason: string };
export type Decision = Signed & { decision: string; verdict_revision: number };

export type Quality = { total: { hours: number; readings: number; availability?: number | null; flags: Record<string, number> } };

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
