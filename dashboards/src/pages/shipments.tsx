import { useState } from "preact/hooks";
import type { Alarm, Shipment } from "#rest";
import { useLive, useSigned } from "../context";
import { alarmsText } from "../format/health";
import { displayName } from "../format/member";
import { formatValue, inOrder } from "../format/quantity";
import { count, stateWord, states } from "../format/words";
import { useEvery, useResource, useThrottled } from "../resource";
import { shipmentHref, shipmentsHref } from "../route";
import { unit } from "../settings";
import { useStore } from "../store";
import { Icon } from "../ui/icon";
import { CannotBeAsked, Mark, StateMark, VerdictMark } from "../ui/marks";
import { Empty, Loading, Trouble } from "../ui/states";
import { Ago } from "../ui/time";

const pageSize = 50;
const mostAtOnce = 200; // that the api gives

export function Shipments({ state }: { state: Shipment["state"] | undefined }) {
  const { api, scopes } = useSigned();
  const [asked, setAsked] = useState({ state, pages: 1 });
  const pages = asked.state === state ? asked.pages : 1;
  // All rows on screen are asked for again, or those far down would stand still.
  const list = useResource(`shipments ${state ?? ""}`, async (signal) => {
    const items: Shipment[] = [];
    let next: string | undefined;
    do {
      const page = await api.shipments(state, Math.min(pages * pageSize - items.length, mostAtOnce), next, signal);
      items.push(...page.items);
      next = page.next || undefined;
    } while (next && items.length < pages * pageSize);
    return { items, next };
  });

  const alarms = useResource("alarms", async (signal) => (scopes.includes("telemetry:read") ? api.alarms(undefined, signal) : []));

  const refresh = useThrottled(list.reload, 3_000);
  const refreshAlarms = useThrottled(alarms.reload, 3_000);
  useEvery(30_000, alarms.reload);
  useLive("/v1/stream", (event) => {
    if (event.event === "alarm" || event.event === "resumed") refreshAlarms();
    if (event.event !== "anchor" && event.event !== "alarm") refresh();
  });

  const { items = [], next } = list.data ?? {};
  const waiting = next !== undefined && items.length < pages * pageSize; // for more rows
  const showMore = () => {
    if (!waiting) setAsked({ state, pages: pages + 1 });
    list.reload();
  };

  return (
    <main class="page" id="main" tabIndex={-1}>
      <div class="page-head">
        <h1>Shipments</h1>
        <nav class="segments" aria-label="Filter by state">
          {[undefined, ...states].map((s) => (
            <a key={s ?? ""} href={shipmentsHref(s)} aria-current={s === state ? "page" : undefined}>
              {s ? stateWord(s) : "All"}
            </a>
          ))}
        </nav>
      </div>
      {list.problem && !waiting && <Trouble problem={list.problem} retry={list.reload} stale={list.data !== undefined} />}
      {!list.data && list.loading && (
        <div class="card">
          <Loading label="Loading shipments" rows={6} />
        </div>
      )}
      {list.data && items.length === 0 && (
        <div class="card">
          <Empty icon="created" title={state ? `No shipment is ${stateWord(state).toLowerCase()}` : "No shipments yet"}>
            {state ? <a href={shipmentsHref()}>Show all shipments</a> : "Shipments that your organisation is a party to appear here."}
          </Empty>
        </div>
      )}
      {items.length > 0 && (
        <div class="card flush">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">Shipment</th>
                <th scope="col">State</th>
                <th scope="col">Verdict</th>
                <th scope="col">Custody</th>
                <th scope="col">Last reading</th>
                <th scope="col" class="right">Messages</th>
              </tr>
            </thead>
            <tbody>
              {items.map((s) => (
                <Row key={s.id} shipment={s} alarms={alarms.data?.filter((a) => a.shipment === s.id) ?? []} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {waiting && list.problem && <Trouble problem={list.problem} retry={list.reload} />}
      {next && (
        <p class="more">
          <button type="button" class="button" onClick={showMore} disabled={waiting && list.loading}>
            {waiting && list.loading ? "Loading…" : "Show more"}
          </button>
        </p>
      )}
    </main>
  );
}

function Row({ shipment: s, alarms }: { shipment: Shipment; alarms: Alarm[] }) {
  const u = useStore(unit);
  const values = inOrder(Object.keys(s.last?.values ?? {})).slice(0, 2);
  const asked = (member: string) => !s.unknown?.includes(member);
  return (
    <tr>
      <th scope="row">
        <a class="row-link" href={shipmentHref(s.id)}>
          {s.id}
        </a>
        <span class="sub">
          {s.origin && s.destination ? (
            <span class="route">
              {s.origin} <Icon name="arrow" size={12} /> {s.destination}
            </span>
          ) : (
            s.description
          )}
        </span>
      </th>
      <td class="cell-state">
        <StateMark state={s.state} />
        {alarms.length > 0 && (
          <span class="sub">
            <Mark icon="warn" tone="warn" word={alarmsText(alarms)} />
          </span>
        )}
      </td>
      <td class="cell-verdict">
        {asked("verdict") ? <VerdictMark verdict={s.verdict} /> : <CannotBeAsked />}
        {s.verdict_reason && <span class="sub">the parties differ</span>}
      </td>
      <td class="cell-custody">
        <span class="narrow-label">Custody </span>
        {displayName(s.custodian)}
        {s.pending_handover && <span class="sub">handover to {displayName(s.pending_handover.to)} pending</span>}
      </td>
      <td class="cell-last">
        {s.last ? (
          <>
            <span class="values">
              {values.map((m) => (
                <span key={m}>{formatValue(m, s.last!.values[m]!, u)}</span>
              ))}
            </span>
            <span class="sub">
              <Ago at={s.last.time} />
            </span>
          </>
        ) : asked("last") ? (
          <span class="muted">none yet</span>
        ) : (
          <CannotBeAsked />
        )}
      </td>
      <td class="right cell-messages">{asked("messages") ? count(s.messages) : <CannotBeAsked />}</td>
    </tr>
  );
}
