import type { Client } from "./client";
import type { List } from "./shapes";

// What /v1/network says. Heights are block heights; an instance's status is passed on by the api as ingest gave it.
export type Node = { org: string; role: string; address?: string; up: boolean; height?: number; error?: string };

export type LastAnchor = { size: number; tx: string; block: number; time_ms: number };

export type IngestStatus = {
  received?: number;
  stored?: number;
  logged?: number;
  anchored?: number;
  journal_bytes?: number;
  pending_store?: number;
  last_anchor?: LastAnchor | null;
  rejected?: Record<string, number> | null;
};

export type Ingest = { id: string; up: boolean; status?: IngestStatus | null; error?: string };

export type Network = {
  peers: Node[] | null;
  orderers: Node[] | null;
  ingest: Ingest[] | null;
  influx: { up: boolean; error?: string };
};

export type Anchor = {
  heads: string;
  ingest: string;
  size: number;
  root: string;
  tx: string;
  block?: number;
  time: string;
};

export function network(api: Client, signal?: AbortSignal): Promise<Network> {
  return api.get<Network>("/v1/network", {}, signal);
}

export function anchors(api: Client, signal?: AbortSignal): Promise<List<Anchor>> {
  return api.get<List<Anchor>>("/v1/anchors", { limit: 20 }, signal);
}

export type Health = {
  peersUp: number;
  peers: number;
  orderersUp: number;
  orderers: number;
  height: number; // highest block height that a peer tells
  behind: Node[]; // up, but more than two blocks behind: gossip needs a moment
  ingestUp: number;
  ingests: number;
  lag: number; // messages taken in that are not in the store or not anchored yet
  anchoredAt: number | null; // ms
  storeUp: boolean;
  trouble: string[]; // one sentence each, empty when all is well
};

// healthOf is the whole network in one line. Half of the orderers away still orders; one word covers only one thing.
export function healthOf(n: Network): Health {
  const peers = n.peers ?? [];
  const orderers = n.orderers ?? [];
  const ingests = n.ingest ?? [];
  const height = Math.max(0, ...peers.map((p) => p.height ?? 0));
  const behind = peers.filter((p) => p.up && height - (p.height ?? 0) > 2);
  const lag = ingests.reduce((sum, i) => sum + Math.max(0, (i.status?.logged ?? 0) - (i.status?.anchored ?? 0)), 0);
  const anchored = ingests.map((i) => i.status?.last_anchor?.time_ms ?? 0).filter((ms) => ms > 0);
  const trouble = [
    ...peers.filter((p) => !p.up).map((p) => `${p.org}'s peer does not answer`),
    ...behind.map((p) => `${p.org}'s peer is ${height - (p.height ?? 0)} blocks behind`),
    ...orderers.filter((o) => !o.up).map((o) => `${o.org}'s orderer does not answer`),
    ...ingests.filter((i) => !i.up).map((i) => `${i.id} does not answer`),
    ...(n.influx?.up ? [] : ["the telemetry store does not answer"]),
  ];
  return {
    peersUp: peers.filter((p) => p.up).length,
    peers: peers.length,
    orderersUp: orderers.filter((o) => o.up).length,
    orderers: orderers.length,
    height,
    behind,
    ingestUp: ingests.filter((i) => i.up).length,
    ingests: ingests.length,
    lag,
    anchoredAt: anchored.length > 0 ? Math.max(...anchored) : null,
    storeUp: n.influx?.up ?? false,
    trouble,
  };
}
