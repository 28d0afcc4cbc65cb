import { createHash } from "node:crypto";
import type {
  Bucket,
  Compliance,
  Handover,
  RawReading,
  RuleSet,
  Shipment,
  Verification,
} from "../../src/api/shapes";
import type { Anchor, Network } from "../../src/api/network";

// One made-up fleet, the same in every run. The browser's clock stands at `now`.
export const now = Date.parse("2026-11-22T10:00:00.000Z");
const minute = 60_000;
const hour = 60 * minute;
const iso = (ms: number) => new Date(ms).toISOString();
const hex = (text: string) => createHash("sha256").update(text).digest("hex");

export const ruleSet: RuleSet = {
  id: "general-2-8",
  version: 1,
  title: "Refrigerated 2 to 8 °C",
  max_gap_s: 900,
  rules: [
    { id: "warm", severity: "major", limit: { metric: "temperature", op: ">", value: "8", mode: "consecutive", duration_s: 600 } },
    { id: "cold", severity: "major", limit: { metric: "temperature", op: "<", value: "2", mode: "consecutive", duration_s: 600 } },
    { id: "frozen", severity: "critical", limit: { metric: "temperature", op: "<=", value: "-0.5", mode: "instant" } },
    { id: "humid", severity: "minor", limit: { metric: "humidity", op: ">", value: "75", mode: "cumulative", duration_s: 7200 } },
    { id: "drop", severity: "major", limit: { metric: "shock", op: ">", value: "245", mode: "instant" } },
  ],
};

const parties = { carrier: "carrier", shipper: "shipper", consignee: "consignee", auditor: "auditor" };

function shipment(id: string, more: Partial<Shipment>): Shipment {
  return {
    id,
    state: "in_transit",
    parties,
    custodian: "carrier",
    rule_set: "general-2-8@1",
    rule_set_hash: hex("general-2-8@1"),
    description: "",
    origin: "Rotterdam NL",
    destination: "Milano IT",
    created_at: iso(now - 26 * hour),
    delivered_at: null,
    closed_at: null,
    assignments: [],
    pending_handover: null,
    verdict: "none",
    last: null,
    messages: 0,
    tx: hex(`create ${id}`),
    ...more,
  };
}

export const start = now - 20 * hour;

export const shipments: Shipment[] = [
  shipment("VAX-2026-0117", {
    description: "Influenza vaccine, 4 pallets",
    assignments: [
      { tracker: "trk-0041", from: iso(start), to: null, by: "carrier" },
      { tracker: "trk-0042", from: iso(start), to: null, by: "carrier" },
    ],
    verdict: "non_compliant",
    last: { time: iso(now - 20_000), tracker: "trk-0041", temperature: 5.31, humidity: 58.2, shock: 3.1 },
    messages: 4_812,
    pending_handover: { n: 1, from: "carrier", to: "consignee", state: "proposed", note: "At the Brenner hub", proposed_at: iso(now - 12 * minute), propose_tx: hex("p1") },
  }),
  shipment("INS-4410", {
    description: "Insulin, 2 pallets",
    origin: "Copenhagen DK",
    destination: "Wien AT",
    verdict: "compliant",
    last: { time: iso(now - 45_000), tracker: "trk-0007", temperature: 4.4, humidity: 51 },
    assignments: [{ tracker: "trk-0007", from: iso(now - 90 * minute), to: null, by: "carrier" }],
    messages: 541,
  }),
  shipment("FISH-88", {
    description: "Salmon, chilled",
    origin: "Bergen NO",
    destination: "Paris FR",
    verdict: "inconclusive",
    custodian: "shipper",
    last: { time: iso(now - 3 * hour), tracker: "trk-0013", temperature: 1.2, humidity: 88 },
    assignments: [{ tracker: "trk-0013", from: iso(now - 30 * hour), to: null, by: "shipper" }],
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
    last: { time: iso(now - 5 * hour), temperature: 3.9, humidity: 47 },
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
    last: { time: iso(now - 52 * hour), temperature: 15.8, humidity: 44 },
    messages: 12_480,
  }),
  shipment("NEW-1", { state: "created", description: "Waits for a tracker", verdict: "none", custodian: "shipper" }),
];

// A noise that needs no seed: the same at the same time.
function wobble(ms: number, salt: number): number {
  const x = Math.sin(ms / 60_000 / 7.3 + salt) + Math.sin(ms / 60_000 / 2.9 + salt * 2.1) * 0.5;
  return x + (((Math.sin(ms * 0.00013 + salt) * 43758.5453) % 1) - 0.5) * 0.4;
}

// Two trackers every minute: a warm hour, 40 minutes of silence of both, one drop.
export function readings(from: number, to: number): RawReading[] {
  const items: RawReading[] = [];
  const first = Math.max(start, Math.ceil(from / minute) * minute);
  for (let ms = first; ms < Math.min(to, now); ms += minute) {
    const since = (ms - start) / hour;
    if (since > 11.4 && since < 12.1) continue;
    for (const [n, tracker] of ["trk-0041", "trk-0042"].entries()) {
      const warm = Math.exp(-(((since - 6.2) / 0.55) ** 2)) * (n === 0 ? 5.4 : 3.2);
      const shock = Math.abs(wobble(ms * 3, n)) * 4 + (n === 0 && Math.abs(since - 15.5) < 0.009 ? 312 : 0) + (Math.floor(since * 60) % 97 === 0 ? 60 : 0);
      items.push({
        time: iso(ms + n * 7_000),
        tracker,
        leaf: Math.round(since * 60) * 2 + n,
        values: {
          temperature: Math.round((4.6 + n * 0.5 + wobble(ms, n) * 0.45 + warm) * 100) / 100,
          humidity: Math.round((54 + n * 3 + wobble(ms / 3, n + 4) * 5 + warm * 3) * 10) / 10,
          shock: Math.round(shock * 10) / 10,
        },
      });
    }
  }
  return items;
}

export function buckets(from: number, to: number, every: number): Bucket[] {
  const out = new Map<string, Bucket>();
  for (const r of readings(from, to)) {
    const at = Math.floor(Date.parse(r.time) / every) * every;
    const key = `${at} ${r.tracker}`;
    const old = out.get(key);
    const bucket: Bucket = old ?? { from: iso(at), to: iso(at + every), tracker: r.tracker, min: {}, max: {}, mean: {}, count: {} };
    const counts = bucket.count;
    for (const [name, v] of Object.entries(r.values)) {
      const n = counts[name] ?? 0;
      bucket.min[name] = Math.min(bucket.min[name] ?? v, v);
      bucket.max[name] = Math.max(bucket.max[name] ?? v, v);
      bucket.mean[name] = ((bucket.mean[name] ?? 0) * n + v) / (n + 1);
      counts[name] = n + 1;
    }
    out.set(key, bucket);
  }
  return [...out.values()];
}

export const compliance: Compliance = {
  verdict: "non_compliant",
  rule_set: ruleSet,
  rule_set_hash: hex("general-2-8@1"),
  reasons: [
    "temperature above 8 °C for 57 min on trk-0041, allowed are 10 min",
    "shock of 314.2 m/s² on trk-0041, limit 245 m/s²",
    "42 min without a reading: unknown, not in range",
  ],
  evaluated_to: iso(now - 20_000),
  metrics: {
    temperature: { in_s: 66_060, out_s: 3_420, unknown_s: 2_520 },
    humidity: { in_s: 69_480, out_s: 0, unknown_s: 2_520 },
    shock: { in_s: 69_478, out_s: 2, unknown_s: 2_520 },
  },
  excursions: [
    { id: "warm/trk-0041/1", rule: "warm", metric: "temperature", tracker: "trk-0041", severity: "major", start: iso(start + 5.75 * hour), end: iso(start + 6.7 * hour), peak: "10.31", limit: "8", ledger_tx: hex("warm") },
    { id: "drop/trk-0041/1", rule: "drop", metric: "shock", tracker: "trk-0041", severity: "major", start: iso(start + 15.5 * hour), end: iso(start + 15.5 * hour), peak: "314.2", limit: "245", ledger_tx: null },
    { id: "humid/trk-0042/1", rule: "humid", metric: "humidity", tracker: "trk-0042", severity: "minor", start: iso(start + 6 * hour), end: null, peak: "75.9", limit: "75", ledger_tx: hex("humid") },
  ],
  revisions: [
    { revision: 1, result: "compliant", recorded_at: iso(start + 4 * hour), tx: hex("r1"), by: "carrier" },
    { revision: 2, result: "non_compliant", recorded_at: iso(start + 7 * hour), tx: hex("r2"), by: "carrier" },
  ],
};

export const handovers: Handover[] = [
  { n: 0, from: "shipper", to: "carrier", state: "accepted", note: "Loaded at dock 4, seals intact", proposed_at: iso(start - 40 * minute), answered_at: iso(start - 10 * minute), propose_tx: hex("p0"), answer_tx: hex("a0") },
  { n: 1, from: "carrier", to: "consignee", state: "proposed", note: "At the Brenner hub", proposed_at: iso(now - 12 * minute), propose_tx: hex("p1") },
];

const orgs = ["carrier", "shipper", "consignee", "auditor"];
const names = ["entry", "leaf", "hash", "signature", "fields", "sequence", "root", "anchor", "close"];

export const verified: Verification = {
  ok: true,
  checked_at: iso(now),
  messages: 4_812,
  logs: [
    { log: hex("log 1"), size: 4_812, root: hex("root 1"), anchored: { size: 4_790, tx: hex("anchor tx"), block: 812, peers: orgs.map((org) => ({ org, ok: true })) } },
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

export const network: Network = {
  org: "carrier",
  nodes: [
    ...orgs.map((org, n) => ({ org, role: "peer", address: `127.0.0.1:${7051 + n * 1000}`, up: true, height: 813 })),
    ...orgs.map((org, n) => ({ org, role: "orderer", address: `127.0.0.1:${7050 + n * 1000}`, up: true, height: 0 })),
  ],
  ingest: [
    {
      id: "ingest-carrier",
      ok: true,
      status: {
        received: 128_404,
        stored: 128_404,
        logged: 128_404,
        anchored: 128_371,
        journal_bytes: 48_000_000,
        pending_store: 0,
        last_anchor: { size: 5_120, tx: hex("anchor tx"), block: 812, time_ms: now - 6_000 },
        rejected: { bad_signature: 3, duplicate: 41 },
      },
    },
  ],
  influx: { ok: true },
  ledger: { ok: true },
};

export const networkInTrouble: Network = {
  ...network,
  nodes: network.nodes!.map((p) =>
    p.role === "orderer" ? p : p.org === "shipper" ? { ...p, up: false, error: "connection refused" } : p.org === "auditor" ? { ...p, height: 790 } : p,
  ),
};

export const anchors: Anchor[] = Array.from({ length: 8 }, (_, n) => ({
  heads: hex("heads"),
  ingest: "ingest-carrier",
  size: 5_120 - n * 33,
  root: hex(`root ${n}`),
  tx: hex(`anchor ${n}`),
  prev_size: 5_087 - n * 33,
  time: iso(now - 6_000 - n * 10_000),
}));
