import { useState } from "preact/hooks";
import type { Assignment, JudgedTracker, Shipment, Compliance } from "#rest";
import { useSigned } from "../context";
import { availabilityText, clockText, flagsText, refusedText, trustText } from "../format/judged";
import { plural } from "../format/words";
import { useEvery, useResource } from "../resource";
import { Time } from "../ui/time";

const longest = 31 * 86_400_000; // that the api answers
const mostAtOnce = 12; // each is a query
const lately = 86_400_000; // what was refused before is history
const heardEvery = 30_000;

// Trackers counts the readings of each tracker and, when asked, what looked odd among them.
export function Trackers({ shipment, compliance }: { shipment: Shipment; compliance: Compliance | undefined }) {
  const { scopes } = useSigned();
  const [asked, setAsked] = useState(false);
  const trackers = compliance?.trackers ?? [];
  if (trackers.length === 0) return null;
  return (
    <section class="card" aria-labelledby="trackers-title">
      <div class="card-head">
        <h2 id="trackers-title">Quality of the readings</h2>
        <p class="muted card-note">Odd readings are flagged, kept, and judged like all others</p>
        {scopes.includes("trackers:read") && !asked && (
          <div class="tools">
            <button type="button" class="button small" onClick={() => setAsked(true)}>
              Count odd readings
            </button>
          </div>
        )}
      </div>
      <ul class="nodes trackers">
        {trackers.map((t, n) => (
          <li key={t.id}>
            <div>
              <p>{t.id}</p>
              <p class="sub">
                {plural(t.readings, "reading")}
                {t.first && t.last && (
                  <>
                    , <Time at={t.first} /> to <Time at={t.last} />
                  </>
                )}
              </p>
              {trustText(t) && <p class="sub">{trustText(t)}</p>}
              {n < mostAtOnce && shipment.assignments?.some((a) => a.tracker === t.id && a.ours) && scopes.includes("trackers:read") && scopes.includes("telemetry:read") && <Heard tracker={t.id} />}
            </div>
            {asked && n < mostAtOnce && <Flags tracker={t} assignment={shipment.assignments?.findLast((a) => a.tracker === t.id)} />}
          </li>
        ))}
      </ul>
      {asked && trackers.length > mostAtOnce && <p class="muted note">Counted for the first {mostAtOnce} trackers only.</p>}
    </section>
  );
}

// Heard says what a tracker's owner has to look after: that something was refused, or taken with values that do not count,
// or that its clock is wrong.
function Heard({ tracker }: { tracker: string }) {
  const { api } = useSigned();
  const heard = useResource(`heard ${tracker}`, (signal) => api.heard(tracker, signal));
  useEvery(heardEvery, heard.reload);
  const { rejected, message } = heard.data ?? {};
  const clock = message && clockText(message);
  const recent = (at: string) => Date.now() - Date.parse(at) < lately;
  return (
    <>
      {rejected && recent(rejected.time) && (
        <p class="sub warn">
          Last refused <Time at={rejected.time} />: {refusedText(rejected)}
        </p>
      )}
      {message && message.flags?.includes("flawed") && recent(message.received_at) && (
        <p class="sub warn">
          In the message of <Time at={message.received_at} /> some values did not count
        </p>
      )}
      {message && clock && recent(message.received_at) && <p class="sub warn">{clock}</p>}
    </>
  );
}

function Flags({ tracker, assignment }: { tracker: JudgedTracker; assignment: Assignment | undefined }) {
  const { api } = useSigned();
  const to = assignment?.to ? Date.parse(assignment.to) : Date.now();
  const from = assignment ? Math.max(Date.parse(assignment.from), to - longest) : to - 86_400_000;
  const quality = useResource(`quality ${tracker.id}`, (signal) =>
    api.quality(tracker.id, { from: new Date(from).toISOString(), ...(assignment?.to ? { to: assignment.to } : {}) }, signal),
  );
  if (quality.problem) {
    return <p class="muted">{quality.problem.status === 404 ? "Another organisation's tracker" : quality.problem.message}</p>;
  }
  if (!quality.data) return <p class="muted">Counting…</p>;
  const total = quality.data.total;
  const share = availabilityText(total.availability);
  return (
    <div class="node-right">
      <p>{total.hours > 0 ? flagsText(total.flags) : "nothing counted yet"}</p>
      {share && <p class="sub">{share}</p>}
    </div>
  );
}
