import { opinions } from "./fixtures-opinions";
import type {
  Check,
  Compliance,
  Details,
  Disposition,
  Excursion,
  Handover,
  JudgedRule,
  RangeTimes,
  Quality,
  Quantity,
  Reading,
  RecordedExcursion,
  Revision,
  RuleSetInfo,
  Shipment,
  Signature,
  Signer,
  Verification,
} from "#rest";
import { hex, hour, iso, minute, now, orgs } from "./made-up";

export * from "./fixtures-network";
export { now };

const quantity = (name: string, label: string, unit: string, symbol: string, max: number): Quantity => ({
  name,
  label,
  unit,
  symbol,
  derived: false,
  accepted: { min: -max, max },
  plausible: { min: -max, max },
});

export const quantities = [
  quantity("temperature", "Temperature", "Cel", "°C", 125),
  quantity("humidity", "Humidity", "%RH", "%RH", 100),
  quantity("shock", "Shock", "m/s2", "m/s²", 4000),
  quantity("battery", "Battery", "%EL", "%", 100),
];

// One made-up fleet, the same in every run.

export const ruleSet: RuleSetInfo = {
  id: "general-2-8",
  version: 1,
  schema: "trackseal-rule-set/1",
  ref: "general-2-8@1",
  hash: hex("general-2-8@1"),
  builtin: true,
  publisher: null,
  published_at: null,
  tx: null,
  title: "Refrigerated 2 to 8 °C",
  max_gap_s: 900,
  rules: [
    { id: "warm", severity: "major", limit: { metric: "temperature", op: ">", value: "8", mode: "consecutive", duration_s: 600 } },
    { id: "cold", severity: "major", limit: { metric: "temperature", op: "<", value: "2", mode: "consecutive", duration_s: 600 } },
    { id: "frozen", severity: "critical", limit: { metric: "temperature", op: "<=", value: "-0.5", mode: "instant" } },
    { id: "humid", severity: "minor", limit: { metric: "humidity", op: ">", value: "75", mode: "cumulative", duration_s: 7200 } },
    { id: "drop", severity: "major", limit: { metric: "shock", op: ">", value: "245", mode: "instant" } },
    {
      id: "budget",
      severity: "major",
      budget: {
        metric: "temperature",
        label_min: "2",
        label_max: "8",
        unknown: "worst",
        bands: [
          { id: "room", min: "8", max: "25", total_s: 43_200, single_s: 21_600 },
          { id: "hot", min: "25", max: "40", total_s: 3_600 },
        ],
      },
    },
    { id: "recorder", severity: "minor", recorder: { standard: "EN12830", calibration: true, coverage: "0.95" } },
    { id: "door", severity: "info", optional: true, opening: { door: true } },
  ],
};

export const members = orgs.map((name) => ({
  name,
  msp: `${name[0]!.toUpperCase()}${name.slice(1)}MSP`,
  display_name: name === "auditor" ? "Veritas Audit" : name,
  joined_at: iso(now - 1000 * hour),
  tx: hex("founding"),
  ...{ kind: "node" as const, operator: name === "carrier", endpoints: null, ended: null },
}));

const parties = { carrier: ["carrier"], shipper: ["shipper"], consignee: ["consignee"], auditor: ["auditor"] };

function shipment(id: string, more: Partial<Shipment>): Shipment {
  return {
    id,
    state: "in_transit",
    parties,
    creator: "shipper",
    may_decline: [],
    declined: [],
    custodian: "carrier",
    rule_set: "general-2-8@1",
    rule_set_hash: hex("general-2-8@1"),
    description: "",
    details: null,
    origin: "Rotterdam NL",
    destination: "Milano IT",
    created_at: iso(now - 26 * hour),
    delivered_at: null,
    stated_delivery_at: null, deliver_by: null, release: null,
    closed_at: null,
    ...{ lot: "", lot_source: "", quantity: "", unit: "", reference_type: "", reference_number: "" },
    carried: [],
    carried_from: [],
    assignments: [],
    pending_handover: null,
    verdict: "none",
    verdict_reason: "",
    opinions: [],
    last: null,
    messages: 0,
    tx: hex(`create ${id}`),
    ...more,
  };
}

export const start = now - 20 * hour;

const handover = (h: Partial<Handover> & Pick<Handover, "n" | "from" | "to" | "state">): Handover => ({
  note: "",
  details: null,
  reason: "",
  answer_details: null,
  heads: [],
  proposed_at: iso(now),
  answered_at: null,
  stated_at: null,
  agreed_at: null,
  propose_tx: "",
  answer_tx: "",
  at_proposal: null,
  at_answer: null,
  ...h,
});

const proposed = handover({ n: 4, from: "consignee", to: "carrier", state: "proposed", note: "One pallet goes back", proposed_at: iso(now - 12 * minute), propose_tx: hex("p4") });

const all = readings(start, now);
const newest = all.at(-2)!; // of trk-0041

export const shipments: Shipment[] = [
  shipment("VAX-2026-0117", {
    description: "Influenza vaccine, 4 pallets",
    assignments: [
      { tracker: "trk-0041", from: iso(start), to: null, by: "carrier", recorded: false, ours: true },
      { tracker: "trk-0042", from: iso(start), to: null, by: "carrier", recorded: false, ours: false },
    ],
    verdict: "non_compliant",
    last: { time: newest.time, values: newest.values },
    messages: 4_812,
    custodian: "consignee",
    pending_handover: proposed,
  }),
  shipment("INS-4410", {
    description: "Insulin, 2 pallets",
    origin: "Copenhagen DK",
    destination: "Wien AT",
    verdict: "compliant",
    last: { time: iso(now - 45_000), values: { temperature: 4.4, humidity: 51 } },
    assignments: [{ tracker: "trk-0007", from: iso(now - 90 * minute), to: null, by: "carrier", recorded: false, ours: false }],
    messages: 541,
  }),
  shipment("FISH-88", {
    description: "Salmon, chilled",
    origin: "Bergen NO",
    destination: "Paris FR",
    verdict: "inconclusive",
    custodian: "shipper",
    last: { time: iso(now - 3 * hour), values: { temperature: 1.2, humidity: 88 } },
    assignments: [{ tracker: "trk-0013", from: iso(now - 30 * hour), to: null, by: "shipper", recorded: false, ours: false }],
    messages: 1_204,
  }),
  shipment("BLOOD-07", {
    state: "delivered",
    description: "Plasma",
    origin: "Lyon FR",
    destination: "Genève CH",
    custodian: "consignee",
    delivered_at: iso(now - 5 * hour),
    verdict: "compliant",
    last: { time: iso(now - 5 * hour), values: { temperature: 3.9, humidity: 47 } },
    messages: 902,
  }),
  shipment("CHOC-2231", {
    state: "closed",
    description: "Couverture",
    origin: "Antwerpen BE",
    destination: "Torino IT",
    custodian: "consignee",
    delivered_at: iso(now - 52 * hour),
    closed_at: iso(now - 50 * hour),
    verdict: "compliant",
    last: { time: iso(now - 52 * hour), values: { temperature: 15.8, humidity: 44 } },
    messages: 12_480,
  }),
  shipment("NEW-1", { state: "created", description: "Waits for a tracker", verdict: "none", custodian: "shipper" }),
];

// A noise that needs no seed: the same at the same time.
function wobble(ms: number, salt: number): number {
  const x = Math.sin(ms / 60_000 / 7.3 + salt) + Math.sin(ms / 60_000 / 2.9 + salt * 2.1) * 0.5;
  return x + (((Math.sin(ms * 0.00013 + salt) * 43758.5453) % 1) - 0.5) * 0.4;
}

// Two trackers every minute: a warm hour, a damp corner from its beginning on, 42 minutes of silence of both, one drop.
export function readings(from: number, to: number) {
  const items: (Reading & { time: string; values: Record<string, number> })[] = [];
  const first = Math.max(start, Math.ceil(from / minute) * minute);
  for (let ms = first; ms < Math.min(to, now); ms += minute) {
    const since = (ms - start) / hour;
    if (since > 11.4 && since < 12.1) continue;
    for (const [n, tracker] of ["trk-0041", "trk-0042"].entries()) {
      const warm = Math.exp(-(((since - 6.2) / 0.61) ** 2)) * (n === 0 ? 5.92 : 2.4);
      const damp = n === 1 && since > 6 ? 26 * (1 - Math.exp((6 - since) / 0.4)) : 0;
      const shock = Math.abs(wobble(ms * 3, n)) * 4 + (n === 0 && Math.abs(since - 15.5) < 0.009 ? 312 : 0) + (Math.floor(since * 60) % 97 === 0 ? 60 : 0);
      items.push({
        time: iso(ms + n * 7_000),
        tracker,
        leaf: Math.round(since * 60) * 2 + n,
        values: {
          temperature: Math.round((4.6 + n * 0.5 + wobble(ms, n) * 0.45 + warm) * 100) / 100,
          humidity: Math.round((54 + n * 3 + wobble(ms / 3, n + 4) * 5 + warm * (3 - 3 * n) + damp) * 10) / 10,
          shock: Math.round(shock * 10) / 10,
          battery: Math.round(96 - since / 3),
        },
      });
    }
  }
  return items;
}

export function buckets(from: number, to: number, every: number): Reading[] {
  const out = new Map<string, Reading>();
  for (const r of readings(from, to)) {
    const at = Math.floor(Date.parse(r.time) / every) * every;
    const key = `${at} ${r.tracker}`;
    const old = out.get(key);
    const { min = {}, max = {}, mean = {}, count = {} } = old ?? {};
    for (const [name, v] of Object.entries(r.values)) {
      const n = count[name] ?? 0;
      min[name] = Math.min(min[name] ?? v, v);
      max[name] = Math.max(max[name] ?? v, v);
      mean[name] = ((mean[name] ?? 0) * n + v) / (n + 1);
      count[name] = n + 1;
    }
    out.set(key, { from: iso(at), to: iso(at + every), tracker: r.tracker, min, max, mean, count });
  }
  return [...out.values()];
}

// Where the time of both trackers went: a reading holds until its tracker's next one, or for no time before a silence.
function times(metric: string, out: (value: number) => boolean, from = start, to = now): RangeTimes {
  const spent = { in_s: 0, out_s: 0, unknown_s: 0, below_s: 0 };
  for (const tracker of ["trk-0041", "trk-0042"]) {
    const own = all.filter((r) => r.tracker === tracker);
    own.forEach((r, n) => {
      const at = Math.max(Date.parse(r.time), from);
      const until = Math.min(own[n + 1] ? Date.parse(own[n + 1]!.time) : at, to);
      if (until <= at) return;
      const silent = until - at > ruleSet.max_gap_s! * 1000;
      spent[silent ? "unknown_s" : out(r.values[metric]!) ? "out_s" : "in_s"] += Math.round((until - at) / 1000);
    });
  }
  return spent;
}

// What one tracker measured beyond a limit, from the first such reading to the one that ended it.
function beyond(tracker: string, metric: string, out: (value: number) => boolean) {
  const own = all.filter((r) => r.tracker === tracker);
  const hits = own.filter((r) => out(r.values[metric]!));
  const end = own[own.indexOf(hits.at(-1)!) + 1]?.time ?? null;
  const peak = Math.max(...hits.map((r) => r.values[metric]!));
  const begin = hits[0]!.time;
  return { metric, tracker, start: begin, end, peak: String(peak), out_s: end ? Math.round((Date.parse(end) - Date.parse(begin)) / 1000) : 0 };
}

const isWarm = (v: number) => v > 8;
const isHumid = (v: number) => v > 75;
const isDrop = (v: number) => v > 245;
const never = () => false;

const judged = (id: string, more: Partial<JudgedRule>): JudgedRule => ({
  id,
  title: "",
  text: "",
  kind: "limit",
  severity: ruleSet.rules!.find((r) => r.id === id)!.severity!,
  state: "met",
  reasons: [],
  excursions: 0,
  ...times("temperature", never),
  ...more,
});

const excursion = (e: Partial<Excursion> & Pick<Excursion, "rule" | "metric" | "tracker" | "start" | "peak" | "limit"> & { acknowledgements?: number }): Excursion => ({
  id: `${e.rule}/${e.tracker}/${Date.parse(e.start)}`,
  kind: "limit",
  severity: "major",
  end: null,
  out_s: 0,
  note: "",
  held_by: "carrier",
  messages: [],
  ledger_tx: null,
  verified: false,
  allowed: false,
  acknowledgements: 0,
  ...e,
});

const warm = excursion({ rule: "warm", limit: "8", ledger_tx: hex("warm"), acknowledgements: 1, ...beyond("trk-0041", "temperature", isWarm) });
const shock = beyond("trk-0041", "shock", isDrop);
const dropped = excursion({ rule: "drop", limit: "245", ledger_tx: hex("drop"), verified: true, note: "from one message", ...shock, end: shock.start, out_s: 0 });
const humid = excursion({ rule: "humid", severity: "minor", limit: "75", ...beyond("trk-0042", "humidity", isHumid) });

const briefly = excursion({ rule: "warm", severity: "info", allowed: true, metric: "temperature", tracker: "trk-0042", limit: "8", start: iso(start + 2 * hour), end: iso(start + 2 * hour + 6 * minute), peak: "8.4", out_s: 360 });

// here are details that are where they are shown.
export const here = (what: string): Details => ({ hash: hex(what), by: "carrier", here: true });

const person = (name: string): Signer => ({ kind: "person", name, subject: `${name.length}7261001`, issuer: "https://login.example", client: "page" });
export const mia = person("Mia Berg");

export const signature = (signer: Signer, meaning: Signature["meaning"], ms: number): Signature => ({
  signer,
  meaning,
  org: "carrier",
  subject: "CN=api,O=carrier",
  issuer: "CN=ca.carrier",
  cert: hex("certificate"),
  signed_at: iso(ms),
  tx: hex(`signed by ${signer.name}`),
});

const recorded = (e: Excursion, more: Partial<RecordedExcursion>): RecordedExcursion => ({
  id: e.id,
  rule: e.rule,
  metric: e.metric,
  start: e.start,
  end: e.end ?? null,
  peak: e.peak,
  limit: e.limit,
  found: true,
  verified: false,
  tracker: "",
  witnesses: [],
  by: "carrier",
  opened_at: iso(Date.parse(e.start) + 20_000),
  open_tx: hex(e.rule),
  closed_at: null,
  close_tx: null,
  acknowledgements: [],
  ...more,
});

const revision = (n: number, result: Revision["result"], ms: number): Revision => ({
  revision: n,
  result,
  reasons: [],
  to: iso(ms),
  logs: [{ log: hex("log 1"), size: n * 1_000, root: hex(`root ${n}`) }],
  rule_hash: hex("general-2-8@1"),
  supersedes: n - 1,
  by: "carrier",
  recorded_at: iso(ms + 5_000),
  tx: hex(`r${n}`),
});

export const disposition: Disposition = {
  revision: 1,
  decision: "quarantine",
  reason: "Kept apart until the stability data is looked at",
  verdict_by: "carrier",
  verdict_revision: 1,
  result: "compliant",
  details: here("quarantine"),
  signature: signature(person("Jonas Weber"), "responsibility", start + 8 * hour),
};

const legTimes = (from: number, to: number) => ({ temperature: times("temperature", isWarm, from, to), humidity: times("humidity", isHumid, from, to), shock: times("shock", isDrop, from, to) });
const outIn = (from: number, to: number) => Object.values(legTimes(from, to)).reduce((sum, t) => sum + t.out_s, 0);

export const compliance: Compliance = {
  verdict: "non_compliant",
  algorithm: "trackseal-compliance/2",
  from: iso(start),
  final: false,
  rule_set: ruleSet,
  rule_set_hash: hex("general-2-8@1"),
  reasons: [
    `temperature above 8 °C for ${warm.out_s / 60} min on trk-0041, allowed are 10 min`,
    `shock of ${dropped.peak} m/s² on trk-0041, limit 245 m/s²`,
    "42 min without a reading: unknown, not in range",
  ],
  evaluated_to: newest.time,
  metrics: { temperature: times("temperature", isWarm), humidity: times("humidity", isHumid), shock: times("shock", isDrop) },
  rules: [
    judged("warm", { text: "Temperature must not be above 8 °C for 10 min in a row", state: "broken", title: "Too warm", excursions: 1, ...times("temperature", isWarm), reasons: [`${warm.out_s / 60} min above 8 °C, peak ${warm.peak} °C`] }),
    judged("cold", { text: "Temperature must not be below 2 °C for 10 min in a row" }),
    judged("frozen", { text: "Temperature must stay above -0.5 °C at any moment", state: "unknown", reasons: ["42 min without a reading"] }),
    judged("humid", { text: "Humidity must not be above 75 %RH for 2 h in total", state: "broken", excursions: 1, ...times("humidity", isHumid) }),
    judged("drop", { text: "Shock must not be above 245 m/s² at any moment", state: "broken", excursions: 1, ...times("shock", isDrop) }),
    judged("budget", { kind: "budget", text: "Temperature must stay at 2 to 8 °C, except for at most 12 h in total and 6 h at a time at 8 to 25 °C; at most 1 h in total at 25 to 40 °C", ...times("temperature", isWarm) }),
    judged("recorder", { text: "Trackers must take readings as often as EN12830 asks", kind: "recorder", state: "unknown", in_s: 0, unknown_s: 0, reasons: ["trk-0042 is not fit to judge by"] }),
    judged("door", { text: "No opening, as told by the door, if it is measured", kind: "opening", state: "not_judged", in_s: 0, unknown_s: 0, reasons: ["no tracker measures it"] }),
  ],
  excursions: [warm, humid, dropped, briefly],
  ...{ more_excursions: 0, faults: [] },
  allowed: { count: 1, out_s: briefly.out_s },
  legs: [
    { custodian: "shipper", from: iso(start - 40 * minute), to: iso(start - 10 * minute), metrics: {}, excursions: [], out_s: 0, severity: "", at_handover: { result: "", reason: "", opinions: [], open: 0, total: 0, verified: 0 } },
    {
      custodian: "carrier",
      from: iso(start - 10 * minute),
      to: iso(start + 16 * hour),
      metrics: legTimes(start, start + 16 * hour),
      excursions: [warm.id, humid.id, dropped.id],
      out_s: outIn(start, start + 16 * hour),
      severity: "major",
      at_handover: {
        result: "non_compliant",
        reason: "",
        opinions: [{ by: "carrier", revision: 2, result: "non_compliant", to: iso(start + 15.9 * hour), budget: [{ rule: "budget", band: "room", spent_s: warm.out_s + 600, max_s: 43_200 }] }],
        open: 1,
        total: 4,
        verified: 1,
      },
    },
    { custodian: "consignee", from: iso(start + 16 * hour), to: null, metrics: legTimes(start + 16 * hour, now), excursions: [], out_s: outIn(start + 16 * hour, now), severity: "", at_handover: null },
  ],
  trackers: [
    { id: "trk-0041", readings: all.length / 2, first: all[0]!.time, last: newest.time, metrics: {}, trust: "attested", maker: "Acme Loggers GmbH", gateway: "", profile: "" },
    { id: "trk-0042", readings: all.length / 2, first: all[1]!.time, last: all.at(-1)!.time, metrics: {}, trust: "unsigned", maker: "", gateway: "carrier.GATEWAY-3", profile: "thingsboard-gateway@1" },
  ],
  figures: [
    { rule: "mkt", tracker: "trk-0041", name: "mean_kinetic_temperature", value: "5.214", unit: "Cel" },
    { rule: "drop", tracker: "trk-0041", name: "shocks", value: "1", unit: "" },
    { rule: "recorder", tracker: "trk-0041", name: "longest_interval", value: "2520", unit: "s" },
  ],
  budget: [
    { rule: "budget", band: "room", tracker: "trk-0041", level: "ok", spent_s: warm.out_s + 600, max_s: 43_200, longest_s: warm.out_s, max_single_s: 21_600, charged_s: 0, carried_s: 600 },
    { rule: "budget", band: "hot", tracker: "trk-0041", level: "critical", spent_s: 2_520, max_s: 3_600, longest_s: 2_520, max_single_s: 0, charged_s: 2_520, carried_s: 0 },
  ],
  recorders: [
    { tracker: "trk-0041", adequate: true, reasons: [] },
    { tracker: "trk-0042", adequate: false, reasons: ["no calibration on the ledger covers the whole trip"] },
  ],
  recorded: [
    recorded(warm, { acknowledgements: [{ excursion: warm.id, n: 1, reason: "Doors open at the Brenner hub, driver informed", of: hex("warm"), details: here("warm"), signature: signature(person("Ana Silva"), "reviewed", start + 7.5 * hour) }] }),
    recorded(dropped, { id: `drop/trk-0041/${hex("witness").slice(0, 8)}`, tracker: "trk-0041", verified: true }),
    recorded(excursion({ rule: "cold", metric: "temperature", tracker: "trk-0042", start: iso(start + 2 * hour), end: iso(start + 2.3 * hour), peak: "1.8", limit: "2" }), { found: false }),
  ],
  ...{ confirmed: { by: 1, of: 4 }, opinions: opinions(iso(start + 7 * hour), warm.start) },
  revisions: [revision(1, "compliant", start + 4 * hour), revision(2, "non_compliant", start + 7 * hour)],
  disposition,
};

export const quality: Quality = {
  items: [],
  total: { hours: 20, readings: 1_158, availability: 0.9652, flags: { sensor_fault: 0, jump: 3, constancy: 0, outlier: 1, drift: 0, teleport: 0, availability: 1 } },
};

export const handovers: Handover[] = [
  handover({ n: 1, from: "shipper", to: "carrier", state: "accepted", note: "Loaded at dock 4, seals intact", proposed_at: iso(start - 40 * minute), answered_at: iso(start - 10 * minute), propose_tx: hex("p0"), answer_tx: hex("a0") }),
  handover({ n: 2, from: "carrier", to: "consignee", state: "withdrawn", note: "", reason: "The dock is closed", proposed_at: iso(start + 15 * hour), answered_at: iso(start + 15.2 * hour), propose_tx: hex("p2"), answer_tx: hex("a2") }),
  handover({ n: 3, from: "carrier", to: "consignee", state: "accepted", note: "At the Brenner hub", proposed_at: iso(start + 15.9 * hour), answered_at: iso(start + 16 * hour), propose_tx: hex("p3"), answer_tx: hex("a3") }),
  proposed,
];

const names: Check["check"][] = ["entry", "leaf", "hash", "signature", "fields", "sequence", "root", "anchor", "close", "offline"];

export const verified: Verification = {
  ok: true, unknown: [],
  checked_at: iso(now),
  messages: 4_812,
  logs: [
    { log: hex("log 1"), size: 4_812, logged: 4_812, root: hex("root 1"), anchored: { size: 4_790, tx: hex("anchor tx"), block: 812, peers: orgs.map((org) => ({ org, ok: true })) } },
  ],
  checks: names.map((check) => ({ check, ok: true, count: 0, findings: [] })),
};

export const editedMessage = hex("edited message");

// Somebody changed one stored temperature, and one organisation's peer tells another root.
export const tampered: Verification = {
  ...verified,
  ok: false,
  logs: [{ ...verified.logs![0]!, anchored: { ...verified.logs![0]!.anchored!, peers: orgs.map((org) => ({ org, ok: org !== "shipper" })) } }],
  checks: names.map((check) =>
    check === "fields"
      ? {
          check,
          ok: false,
          count: 1,
          findings: [
            {
              log: hex("log 1"),
              leaf: 1_377,
              tracker: "trk-0041",
              message: editedMessage,
              check,
              detail: "the database says temperature 4.9, the signed message says 10.31",
            },
          ],
        }
      : { check, ok: true, count: 0, findings: [] },
  ),
};
