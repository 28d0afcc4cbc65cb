import { useEffect } from "preact/hooks";
import type { Alarm, Shipment, TrackerHealth } from "#rest";
import { useSigned } from "../context";
import { alarmText, batteryText, clockStateText, dueWord, signalText } from "../format/health";
import { plural, sentence } from "../format/words";
import { useEvery, useResource } from "../resource";
import { Icon } from "../ui/icon";
import { Mark } from "../ui/marks";
import { Ago } from "../ui/time";

const lookEvery = 30_000; // as often as the node does

// Alarms stand at the top of a shipment for as long as they last. pulse counts the moments at which they may have changed.
export function Alarms({ shipment, pulse }: { shipment: string; pulse: number }) {
  const { api, scopes } = useSigned();
  const may = scopes.includes("telemetry:read");
  const alarms = useResource(`alarms ${shipment}`, async (signal) => (may ? api.alarms(shipment, signal) : []));
  useEvery(lookEvery, alarms.reload);
  useEffect(() => void (pulse > 0 && alarms.reload()), [pulse]);
  const all = alarms.data ?? [];
  if (all.length === 0) return null;
  return (
    <div class="trouble" role="alert" aria-label="Alarms">
      <Icon name="warn" size={20} />
      <ul class="alarms">
        {shown(all).map((a) => (
          <li key={`${a.kind} ${a.tracker ?? ""}`}>
            {alarmText(a)}, since <Ago at={a.since} />
          </li>
        ))}
      </ul>
    </div>
  );
}

// shown leaves out what another line says: that each tracker is silent where all are.
function shown(all: Alarm[]): Alarm[] {
  return all.some((a) => a.kind === "shipment_silent") ? all.filter((a) => a.kind !== "tracker_silent") : all;
}

// TrackersNow tells of each tracker on the shipment when it was heard and is due, and how it is.
export function TrackersNow({ shipment, pulse }: { shipment: Shipment; pulse: number }) {
  const { api, scopes } = useSigned();
  const may = scopes.includes("telemetry:read") && shipment.assignments.some((a) => !a.to);
  const health = useResource(`health ${shipment.id} ${may}`, async (signal) => (may ? api.health(shipment.id, signal) : []));
  useEvery(lookEvery, health.reload);
  useEffect(() => void (pulse > 0 && health.reload()), [pulse]);
  const all = health.data ?? [];
  if (all.length === 0) return null;
  const silent = all.filter((h) => h.silent_since).length;
  return (
    <section class="card" aria-labelledby="trackers-now-title">
      <div class="card-head">
        <h2 id="trackers-now-title">Trackers on it now</h2>
        <p class="muted card-note">{silent > 0 ? `${silent} of ${plural(all.length, "tracker")} silent` : "All are heard"}</p>
      </div>
      <ul class="nodes trackers">
        {all.map((h) => (
          <Line key={h.tracker} health={h} />
        ))}
      </ul>
    </section>
  );
}

function Line({ health: h }: { health: TrackerHealth }) {
  const low = h.battery !== null && h.battery.percent < 20;
  const facts: [text: string, warn: boolean][] = [
    [batteryText(h), low],
    [signalText(h), false],
    [clockStateText(h), h.clock?.off ?? false],
  ];
  return (
    <li>
      <div>
        <p>{h.tracker}</p>
        {facts.map(([text, warn]) => text && <p class={warn ? "sub warn" : "sub"} key={text}>{text}</p>)}
        {h.refused && (
          <p class="sub warn">
            {plural(h.refused.count, "message")} refused within a day, the last <Ago at={h.refused.time} />: {h.refused.detail || sentence(h.refused.reason)}
          </p>
        )}
      </div>
      <div class="node-right">
        {h.silent_since ? (
          <Mark icon="warn" tone="warn" word="Silent" />
        ) : (
          <Mark icon="ok" tone="good" word="Heard" />
        )}
        <p class="sub">{h.last_seen ? <>last heard <Ago at={h.last_seen} /></> : "never heard"}</p>
        {h.next_due && (
          <p class="sub">
            {h.silent_since ? "was due" : "due"} <Ago at={h.next_due} /> {dueWord(h.due_by)}
          </p>
        )}
      </div>
    </li>
  );
}
