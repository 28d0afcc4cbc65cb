import type { IngestHealth, Network, Node } from "#rest";
import { behindBy, cannotBeAsked, healthOf, nodesOf, statusOf } from "../api/network";
import { useLive, useSigned } from "../context";
import { displayName } from "../format/member";
import { count, sentence } from "../format/words";
import { useResource, useThrottled, type Resource } from "../resource";
import { Hash } from "../ui/hash";
import { OkMark, Mark } from "../ui/marks";
import { Empty, Loading, Trouble } from "../ui/states";
import { Ago, Time } from "../ui/time";

export function NetworkPage({ network }: { network: Resource<Network> }) {
  const { api } = useSigned();
  const anchors = useResource("anchors", (signal) => api.anchors(signal));
  const refresh = useThrottled(() => {
    anchors.reload();
    network.reload();
  }, 2_000);
  useLive("/v1/stream", (event) => (event.event === "anchor" || event.event === "resumed") && refresh());

  const n = network.data;
  const health = n ? healthOf(n) : undefined;
  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Network</h1>
      </div>
      {network.problem && <Trouble problem={network.problem} retry={network.reload} stale={n !== undefined} />}
      {!n && network.loading && (
        <div class="card">
          <Loading label="Checking the network" rows={5} />
        </div>
      )}
      {n && health && (
        <>
          {health.trouble.length > 0 && (
            <ul class="reasons card">
              {health.trouble.map((text) => (
                <li key={text}>{text}</li>
              ))}
            </ul>
          )}
          <div class="grid halves">
            <section class="card" aria-labelledby="peers-title">
              <div class="card-head">
                <h2 id="peers-title">Peers</h2>
                <p class="muted card-note">hold the ledger and endorse transactions</p>
              </div>
              <Nodes nodes={nodesOf(n, "peer")} height={health.height} />
            </section>
            <section class="card" aria-labelledby="orderers-title">
              <div class="card-head">
                <h2 id="orderers-title">Orderers</h2>
                <p class="muted card-note">agree on the order of blocks</p>
              </div>
              <Nodes nodes={nodesOf(n, "orderer")} height={health.height} />
            </section>
          </div>
          <section class="card" aria-labelledby="ingest-title">
            <div class="card-head">
              <h2 id="ingest-title">Ingest and store</h2>
              <p class="card-note">
                {n.influx.ok ? <Mark icon="ok" tone="good" word="InfluxDB answers" /> : <Mark icon="unknown" tone="unsure" word="InfluxDB cannot be asked" />}
              </p>
            </div>
            {n.ingest.map((i) => (
              <IngestFacts key={i.id} ingest={i} />
            ))}
            {n.ingest.length === 0 && <p class="muted pad">No ingest instance is configured for this organisation.</p>}
          </section>
        </>
      )}
      <section class="card" aria-labelledby="anchors-title">
        <div class="card-head">
          <h2 id="anchors-title">Newest anchors</h2>
        </div>
        {anchors.problem && <Trouble problem={anchors.problem} retry={anchors.reload} stale={anchors.data !== undefined} />}
        {!anchors.data && anchors.loading && <Loading label="Loading anchors" rows={4} />}
        {anchors.data?.items.length === 0 && (
          <Empty icon="anchor" title="No anchor yet">The first one appears within seconds of the first message.</Empty>
        )}
        {anchors.data && anchors.data.items.length > 0 && (
          <div class="scroll" tabIndex={0} role="region" aria-label="Anchors as a table">
            <table>
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  <th scope="col">Ingest</th>
                  <th scope="col" class="right">Log heads</th>
                  <th scope="col" class="right">New</th>
                  <th scope="col">Root</th>
                  <th scope="col">Transaction</th>
                </tr>
              </thead>
              <tbody>
                {anchors.data.items.map((a) => (
                  <tr key={a.tx}>
                    <td><Time at={a.time} seconds /></td>
                    <td>{a.ingest}</td>
                    <td class="right">{count(a.size)}</td>
                    <td class="right">{count(a.size - a.prev_size)}</td>
                    <td><Hash value={a.root} what="root" /></td>
                    <td><Hash value={a.tx} what="transaction id" /></td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
    </main>
  );
}

function Nodes({ nodes, height }: { nodes: Node[]; height: number }) {
  if (nodes.length === 0) return <p class="muted pad">None known.</p>;
  return (
    <ul class="nodes">
      {nodes.map((node) => {
        const behind = behindBy(node, height);
        return (
          <li key={`${node.role} ${node.org} ${node.address}`}>
            <div>
              <p>{displayName(node.org)}</p>
              <p class="muted sub">{node.error || node.address}</p>
            </div>
            <div class="node-right">
              {behind > 0 ? <Mark icon="warn" tone="warn" word={`${behind} blocks behind`} /> : <OkMark ok={node.up} yes="Up" no="Down" />}
              {node.up && <span class="muted sub">height {count(node.height)}</span>}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

function IngestFacts({ ingest }: { ingest: IngestHealth }) {
  const s = statusOf(ingest);
  const rejected = Object.entries(s?.rejected ?? {}).filter(([, n]) => n > 0);
  return (
    <div class="ingest">
      <p class="ingest-name">
        {ingest.id} {cannotBeAsked(ingest) ? <Mark icon="unknown" tone="unsure" word="Cannot be asked" /> : <OkMark ok={ingest.ok} yes="Ready" no="Not ready" />}
        {ingest.error && <span class="muted"> {ingest.error}</span>}
      </p>
      {s && (
        <dl class="steps">
          <Step name="Received" value={s.received} />
          <Step name="Stored" value={s.stored} />
          <Step name="Logged" value={s.logged} />
          <Step name="Anchored" value={s.anchored} />
          <Step name="Wait for an anchor" value={s.pending_anchor} />
          <div>
            <dt>Newest anchor</dt>
            <dd>
              {s.last_anchor ? (
                <>
                  <Ago at={s.last_anchor.time_ms} /> <span class="muted sub">block {count(s.last_anchor.block)}</span>
                </>
              ) : (
                "none yet"
              )}
            </dd>
          </div>
        </dl>
      )}
      {rejected.length > 0 && (
        <p class="muted">
          Refused messages:{" "}
          {rejected.map(([reason, n]) => `${sentence(reason).toLowerCase()} ${count(n)}`).join(", ")}
        </p>
      )}
    </div>
  );
}

function Step({ name, value }: { name: string; value: number | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value === undefined ? "unknown" : count(value)}</dd>
    </div>
  );
}
