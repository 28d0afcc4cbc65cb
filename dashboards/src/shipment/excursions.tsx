import type { Compliance, Excursion } from "../api/shapes";
import { formatLimit, formatValue, labelOf } from "../format/quantity";
import { formatSpan } from "../format/time";
import { sentence } from "../format/words";
import { unit } from "../settings";
import { useStore } from "../store";
import { Hash } from "../ui/hash";
import { Mark, type Tone } from "../ui/marks";
import { Empty } from "../ui/states";
import { Time } from "../ui/time";

const tones: Record<string, Tone> = { minor: "warn", major: "bad", critical: "bad" };

export function Excursions({ compliance, failed }: { compliance: Compliance | undefined; failed: boolean }) {
  const u = useStore(unit);
  const excursions = [...(compliance?.excursions ?? [])].sort((a, b) => Date.parse(b.start) - Date.parse(a.start));
  return (
    <section class="card" aria-labelledby="excursions-title">
      <div class="card-head">
        <h2 id="excursions-title">Excursions</h2>
        {excursions.length > 0 && <p class="muted card-note">{excursions.length}, newest first</p>}
      </div>
      {excursions.length === 0 ? (
        <Empty icon={compliance ? "none" : failed ? "unknown" : "clock"} title={compliance ? "No excursions" : failed ? "Excursions are unknown" : "Waiting for the verdict"}>
          {compliance ? "No limit was broken in the time that was measured." : failed ? "They come with the verdict, which could not be had." : undefined}
        </Empty>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Excursions as a table">
          <table>
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">Severity</th>
                <th scope="col">Start</th>
                <th scope="col">Lasted</th>
                <th scope="col" class="right">Peak</th>
                <th scope="col" class="right">Limit</th>
                <th scope="col">Tracker</th>
                <th scope="col">On the ledger</th>
              </tr>
            </thead>
            <tbody>
              {excursions.map((e) => (
                <tr key={e.id}>
                  <th scope="row">
                    {labelOf(e.metric)} <span class="muted sub">{e.rule}</span>
                  </th>
                  <td>
                    <Mark icon={e.severity === "minor" ? "warn" : "bad"} tone={tones[e.severity] ?? "warn"} word={sentence(e.severity)} />
                  </td>
                  <td><Time at={e.start} /></td>
                  <td>{lasted(e)}</td>
                  <td class="right">{number(e.metric, e.peak, (m, v) => formatValue(m, v, u))}</td>
                  <td class="right">{number(e.metric, e.limit, (m, v) => formatLimit(m, v, u))}</td>
                  <td>{e.tracker}</td>
                  <td>{e.ledger_tx ? <Hash value={e.ledger_tx} what="transaction id" /> : <span class="muted">not yet</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function lasted(e: Excursion): string {
  if (!e.end) return "still out";
  const seconds = (Date.parse(e.end) - Date.parse(e.start)) / 1000;
  return seconds < 1 ? "one reading" : formatSpan(seconds);
}

// Peaks and limits travel as decimal text, so that a hash over them never depends on a float.
function number(metric: string, text: string, show: (metric: string, value: number) => string): string {
  const value = Number(text);
  return text !== "" && Number.isFinite(value) ? show(metric, value) : text;
}
