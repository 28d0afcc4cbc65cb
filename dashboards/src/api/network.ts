import type { CopyFinding, IngestHealth, Network, Node } from "#rest";
import { displayName } from "../format/member";

// IngestStatus is what the API passes on as the instance gave it.
export type IngestStatus = {
  received?: number;
  stored?: number;
  logged?: number;
  anchored?: number;
  pending_anchor?: number;
  disagrees?: boolean;
  last_anchor?: { size: number; tx: string; block: number; time_ms: number } | null;
  rejected?: Record<string, number> | null;
};

export const statusOf = (i: IngestHealth) => i.status as IngestStatus | null | undefined;

// cannotBeAsked: nothing is known of the instance. One that answers says itself how it is.
export const cannotBeAsked = (i: IngestHealth) => !statusOf(i);

export function nodesOf(n: Network, role: "peer" | "orderer"): Node[] {
  return n.nodes.filter((node) => node.role === role);
}

// behindBy is how many blocks a node lacks; one or two are only on their way.
export function behindBy(node: Node, height: number): number {
  const lacking = height - (node.height);
  return node.up && lacking > 2 ? lacking : 0;
}

export type Health = {
  peersUp: number;
  peers: number;
  orderersUp: number;
  orderers: number;
  height: number; // highest block height that a node tells
  lag: number | null; // leaves that wait for an anchor; null when an instance does not say
  anchoredAt: number | null; // ms
  trouble: string[]; // one sentence each, empty when all is well
};

// wrong says what a node does, in plain words; what and where it is of follows.
const wrong: Record<CopyFinding["what"], string> = {
  form: "answers in no form that can be read",
  missing: "does not give",
  differs: "gives otherwise than it was logged",
  forged: "gives what no tracker with a place there has signed",
  root: "gives otherwise than it anchored it",
  anchor: "gives as anchored what is not",
  misread: "gives as read of a message what its tracker's profile does not read",
  lagging: "does not give what it has anchored",
  unstorable: "gives what our store refuses",
};

// copyTrouble names who, which shipment or tracker, and which message. By is an ingest instance, with its member before the dot, or a member.
export function copyTrouble(f: CopyFinding): string {
  const [member] = f.by.split(".");
  const who = f.by === member ? displayName(f.by) : `${displayName(member!)} (${f.by})`;
  return `${who} ${wrong[f.what]}${f.subject && `: message ${f.leaf} of ${f.subject} and what follows it`}. ${f.detail}`;
}

// healthOf is the whole network in one line. Half of the orderers away still orders; one word covers only one thing.
export function healthOf(n: Network): Health {
  const peers = nodesOf(n, "peer");
  const orderers = nodesOf(n, "orderer");
  const ingests = n.ingest;
  const height = Math.max(0, ...n.nodes.map((node) => node.height));
  const late = (nodes: Node[], what: string) =>
    nodes.filter((node) => behindBy(node, height) > 0).map((node) => `${what} of ${displayName(node.org)} is ${behindBy(node, height)} blocks behind`);
  const lags = ingests.map((i) => {
    return statusOf(i)?.pending_anchor ?? null;
  });
  const lag = lags.some((l) => l === null) ? null : lags.reduce<number>((sum, l) => sum + l!, 0);
  const anchored = ingests.map((i) => statusOf(i)?.last_anchor?.time_ms ?? 0).filter((ms) => ms > 0);
  const trouble = [
    ...peers.filter((p) => !p.up).map((p) => `Peer of ${displayName(p.org)} does not answer`),
    ...late(peers, "Peer"),
    ...orderers.filter((o) => !o.up).map((o) => `Orderer of ${displayName(o.org)} does not answer`),
    ...late(orderers, "Orderer"),
    ...(n.ledger.ok || peers.length + orderers.length > 0 ? [] : ["Ledger network cannot be asked"]),
    ...ingests.filter((i) => !i.ok).map((i) => (cannotBeAsked(i) ? `Ingest ${i.id} cannot be asked` : `Ingest ${i.id} is not ready: ${i.error ?? "it does not say why"}`)),
    ...(n.influx.ok ? [] : ["Telemetry store cannot be asked"]),
    ...n.copies.flatMap((c) => [
      ...(c.error ? [c.anchored === undefined ? `Nothing is known yet of the copy of what ${c.ingest} stores` : `The copy of what ${c.ingest} stores does not go on`] : []),
      ...c.findings.map(copyTrouble),
    ]),
    ...n.unusable.map((u) => `${displayName(u.member)} announces ${u.address} for its ${u.what === "api" ? "API" : `ingest ${u.id}`}, which nobody here calls: ${u.why}`),
  ];
  return {
    peersUp: peers.filter((p) => p.up).length,
    peers: peers.length,
    orderersUp: orderers.filter((o) => o.up).length,
    orderers: orderers.length,
    height,
    lag,
    anchoredAt: anchored.length > 0 ? Math.max(...anchored) : null,
    trouble,
  };
}
