import type { Anchor, Network } from "#rest";
import { hex, iso, now, orgs } from "./made-up";

export const network: Network = {
  ok: true,
  org: "carrier",
  nodes: [
    ...orgs.map((org, n) => ({ org, role: "peer", address: `127.0.0.1:${7051 + n * 1000}`, up: true, height: 813 })),
    ...orgs.map((org, n) => ({ org, role: "orderer", address: `127.0.0.1:${7050 + n * 1000}`, up: true, height: 813 })),
  ],
  ingest: [
    {
      id: "carrier.ingest-1",
      ok: true,
      status: {
        received: 128_404,
        stored: 128_404,
        logged: 128_404,
        anchored: 128_371,
        journal_bytes: 48_000_000,
        pending_store: 0,
        pending_anchor: 33,
        last_anchor: { size: 5_120, tx: hex("anchor tx"), block: 812, time_ms: now - 6_000 },
        rejected: { bad_signature: 3, duplicate: 41 },
      },
    },
  ],
  copies: [],
  unusable: [],
  unknown: [],
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
  ingest: "carrier.ingest-1",
  size: 5_120 - n * 33,
  root: hex(`root ${n}`),
  tx: hex(`anchor ${n}`),
  n: 160 - n,
  prev_size: 5_087 - n * 33,
  prev_root: hex(`root ${n + 1}`),
  owner: "carrier",
  time: iso(now - 6_000 - n * 10_000),
}));
