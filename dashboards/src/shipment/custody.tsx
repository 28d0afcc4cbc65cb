import type { ComponentChildren } from "preact";
import type { Handover, Shipment } from "#rest";
import { useSigned } from "../context";
import { displayName, elsewhere } from "../format/member";
import { useResource } from "../resource";
import { Hash } from "../ui/hash";
import { Icon, type IconName } from "../ui/icon";
import { Loading, Trouble } from "../ui/states";
import { Time } from "../ui/time";

type Event = { at: string; icon: IconName; tone: string; title: ComponentChildren; note?: ComponentChildren; tx?: string };

// Custody is the story of who had the goods and which tracker was with them.
export function Custody({ shipment, revision }: { shipment: Shipment; revision: string }) {
  const { api } = useSigned();
  const handovers = useResource(`${shipment.id} ${revision}`, (signal) => api.handovers(shipment.id, signal));
  const events = eventsOf(shipment, handovers.data?.items ?? []);
  return (
    <section class="card" aria-labelledby="custody-title">
      <div class="card-head">
        <h2 id="custody-title">Custody and trackers</h2>
      </div>
      {handovers.problem && <Trouble problem={handovers.problem} retry={handovers.reload} stale={handovers.data !== undefined} />}
      {!handovers.data && handovers.loading ? (
        <Loading label="Loading handovers" rows={3} />
      ) : (
        <ol class="timeline">
          {events.map((event, n) => (
            <li key={n} class={event.tone}>
              <Icon name={event.icon} />
              <div>
                <p>{event.title}</p>
                {event.note && <p class="muted">{event.note}</p>}
                <p class="muted timeline-foot">
                  <Time at={event.at} />
                  {event.tx && <Hash value={event.tx} what="transaction id" />}
                </p>
              </div>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function eventsOf(shipment: Shipment, handovers: Handover[]): Event[] {
  const events: Event[] = [
    { at: shipment.created_at, icon: "created", tone: "calm", title: "Shipment created", ...(shipment.tx ? { tx: shipment.tx } : {}) },
  ];
  for (const a of shipment.assignments ?? []) {
    events.push({
      at: a.from,
      icon: "live",
      tone: "calm",
      title: <>Tracker <strong>{a.tracker}</strong> assigned</>,
      ...(a.by ? { note: `by ${displayName(a.by)}${a.recorded ? ", as a logger that was read out later" : ""}` } : {}),
    });
    if (a.to) events.push({ at: a.to, icon: "none", tone: "calm", title: <>Tracker <strong>{a.tracker}</strong> removed</> });
  }
  const all = [...handovers];
  const pending = shipment.pending_handover;
  if (pending && !all.some((h) => h.state === "proposed")) all.push(pending);
  for (const h of all) {
    const who = (
      <>
        <strong>{displayName(h.from)}</strong> to <strong>{displayName(h.to)}</strong>
      </>
    );
    const at = h.answered_at || h.proposed_at;
    const tx = h.answer_tx || h.propose_tx;
    if (!at) continue;
    const rest = tx ? { at, tx } : { at };
    const note = h.note || elsewhere(h.details);
    const reason = h.reason || elsewhere(h.answer_details);
    if (h.state === "accepted") {
      events.push({ ...rest, icon: "ok", tone: "good", title: <>Handed over: {who}</>, ...(note || h.agreed_at ? { note: <>{note}{h.agreed_at && <> Both sides say: at <Time at={h.agreed_at} /></>}</> } : {}) });
    } else if (h.state === "rejected") {
      events.push({ ...rest, icon: "bad", tone: "bad", title: <>Handover refused: {who}</>, ...(reason ? { note: reason } : {}) });
    } else if (h.state === "withdrawn") {
      events.push({ ...rest, icon: "none", tone: "calm", title: <>Handover withdrawn: {who}</>, ...(reason ? { note: reason } : {}) });
    } else {
      events.push({ ...rest, icon: "clock", tone: "warn", title: <>Handover proposed: {who}</>, note: note || "Waiting for an answer" });
    }
  }
  for (const d of shipment.declined ?? []) {
    events.push({ at: d.declined_at, icon: "none", tone: "calm", title: <><strong>{displayName(d.member)}</strong> declined to be {d.roles.join(" and ")}</>, tx: d.tx });
  }
  if (shipment.delivered_at) events.push({ at: shipment.delivered_at, icon: "delivered", tone: "good", title: "Delivered", ...(shipment.stated_delivery_at ? { note: <>Both sides say: at <Time at={shipment.stated_delivery_at} /></> } : {}) });
  if (shipment.closed_at) events.push({ at: shipment.closed_at, icon: "closed", tone: "calm", title: "Closed: logs sealed, nothing can be added" });
  return events.sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}
