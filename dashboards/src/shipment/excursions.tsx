import { useRef, useState } from "preact/hooks";
import type { Acknowledgement, Compliance, Excursion, RecordedExcursion } from "#rest";
import { useSigned } from "../context";
import { displayName, elsewhere } from "../format/member";
import { meaningWord, recordsOf, signer } from "../format/judged";
import { formatLimit, formatValue, labelOf } from "../format/quantity";
import { formatSpan } from "../format/time";
import { plural, sentence } from "../format/words";
import { unit } from "../settings";
import { useStore } from "../store";
import { Hash } from "../ui/hash";
import { Icon } from "../ui/icon";
import { Mark } from "../ui/marks";
import { Empty } from "../ui/states";
import { Time } from "../ui/time";
import { severityMark } from "./severity";
import { SignForm } from "./signform";

type Props = { shipment: string; compliance: Compliance | undefined; failed: boolean; onSigned: () => void };

export function Excursions({ shipment, compliance, failed, onSigned }: Props) {
  const newestFirst = <T extends { start: string }>(all: T[]) => [...all].sort((a, b) => Date.parse(b.start) - Date.parse(a.start));
  const found = newestFirst(compliance?.excursions ?? []);
  const excursions = found.filter((e) => !e.allowed);
  const allowed = found.filter((e) => e.allowed);
  const recorded = compliance?.recorded ?? [];
  const more = compliance?.more_excursions ?? 0;
  const overtaken = newestFirst(recorded.filter((r) => !r.found));
  const sign = { shipment, onSigned };
  return (
    <section class="card" aria-labelledby="excursions-title">
      <div class="card-head">
        <h2 id="excursions-title">Excursions</h2>
        {excursions.length > 0 && <p class="muted card-note">{excursions.length}, newest first</p>}
      </div>
      {excursions.length === 0 ? (
        <Empty icon={compliance ? "none" : failed ? "unknown" : "clock"} title={compliance ? "No excursions" : failed ? "Excursions unknown" : "Waiting for the verdict"}>
          {compliance ? "No limit was broken during the measured time." : failed ? "They come with the verdict, which could not be loaded." : undefined}
        </Empty>
      ) : (
        <ol class="excursions">
          {excursions.map((e) => (
            <ExcursionRow key={e.id} excursion={e} records={recordsOf(e, recorded)} {...sign} />
          ))}
        </ol>
      )}
      {more > 0 && <p class="muted note">{plural(more, "more excursion")} not listed here. The report has them all.</p>}
      {compliance && allowed.length > 0 && (
        <details class="allowed">
          <summary>
            {plural(compliance.allowed.count, "stay")} out of range that the rules allow, {formatSpan(compliance.allowed.out_s)} in all
          </summary>
          <ol class="allowed-stays">
            {allowed.map((e) => (
              <li key={`${e.id} ${e.end}`}>
                <div class="excursion-head">
                  <strong>{labelOf(e.metric)}</strong>
                  <span class="muted">{e.rule}</span>
                </div>
                <Facts of={e} outS={e.out_s} heldBy={e.held_by} tracker={e.tracker} />
              </li>
            ))}
          </ol>
          {compliance.allowed.count > allowed.length && <p class="muted note">{plural(compliance.allowed.count - allowed.length, "more stay")} not listed here.</p>}
        </details>
      )}
      {overtaken.length > 0 && (
        <>
          <h3 class="overtaken">On the ledger, but no longer found in the readings</h3>
          <p class="muted small">Readings that arrived late changed the picture. The ledger keeps what was recorded.</p>
          <ol class="excursions">
            {overtaken.map((r) => (
              <RecordRow key={r.id} record={r} {...sign} />
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

type Sign = { shipment: string; onSigned: () => void };

function ExcursionRow({ excursion: e, records, ...sign }: { excursion: Excursion; records: RecordedExcursion[] } & Sign) {
  const record = records.find((r) => r.id === e.id) ?? records[0];
  return (
    <li>
      <div class="excursion-head">
        <Mark {...severityMark(e.severity)} word={sentence(e.severity)} />
        <strong>{labelOf(e.metric)}</strong>
        <span class="muted">{e.rule}</span>
        {e.verified && <Mark icon="seal" tone="good" word="Verified by all peers" />}
      </div>
      <Facts of={e} outS={e.out_s} heldBy={e.held_by} tracker={e.tracker} tx={e.ledger_tx} />
      {e.note && <p class="muted small">{e.note}</p>}
      <Acknowledgements all={records.flatMap((r) => r.acknowledgements ?? [])} />
      {record && <Acknowledge excursion={record.id} {...sign} />}
    </li>
  );
}

function RecordRow({ record: r, ...sign }: { record: RecordedExcursion } & Sign) {
  return (
    <li>
      <div class="excursion-head">
        <strong>{labelOf(r.metric)}</strong>
        <span class="muted">{r.rule}</span>
        {r.verified && <Mark icon="seal" tone="good" word="Verified by all peers" />}
      </div>
      <Facts of={r} tracker={r.tracker} tx={r.open_tx} />
      <Acknowledgements all={r.acknowledgements ?? []} />
      <Acknowledge excursion={r.id} {...sign} />
    </li>
  );
}

function Facts(props: {
  of: { metric: string; start: string; end?: string | null; peak: string; limit: string };
  outS?: number | undefined;
  heldBy?: string | null | undefined;
  tracker?: string | undefined;
  tx?: string | null | undefined;
}) {
  const u = useStore(unit);
  const e = props.of;
  const peak = number(e.metric, e.peak, (m, v) => formatValue(m, v, u));
  const limit = number(e.metric, e.limit, (m, v) => formatLimit(m, v, u));
  return (
    <dl class="excursion-facts">
      <div>
        <dt>Start</dt>
        <dd>
          <Time at={e.start} />
        </dd>
      </div>
      <div>
        <dt>Lasted</dt>
        <dd>
          {lasted(e)}
          {props.outS !== undefined && e.end && props.outS > 0 && formatSpan(props.outS) !== lasted(e) && <span class="sub">{formatSpan(props.outS)} known out of range</span>}
        </dd>
      </div>
      {peak && (
        <div>
          <dt>Peak</dt>
          <dd>{peak}</dd>
        </div>
      )}
      {limit && (
        <div>
          <dt>Limit</dt>
          <dd>{limit}</dd>
        </div>
      )}
      {props.heldBy && (
        <div>
          <dt>Held by</dt>
          <dd>{displayName(props.heldBy)}</dd>
        </div>
      )}
      {props.tracker && (
        <div>
          <dt>Tracker</dt>
          <dd>{props.tracker}</dd>
        </div>
      )}
      {props.tx !== undefined && (
        <div>
          <dt>On the ledger</dt>
          <dd>{props.tx ? <Hash value={props.tx} what="transaction id" /> : <span class="muted">not yet</span>}</dd>
        </div>
      )}
    </dl>
  );
}

function Acknowledgements({ all }: { all: Acknowledgement[] }) {
  if (all.length === 0) return null;
  return (
    <ul class="acks">
      {all.map((a) => (
        <li key={`${a.excursion} ${a.n}`}>
          <Icon name="seal" />
          <div>
            <p>{a.reason || elsewhere(a.details)}</p>
            <p class="muted small">
              {meaningWord(a.signature.meaning)}: {signer(a.signature)}, <Time at={a.signature.signed_at} />
              {a.signature.tx && (
                <>
                  {" "}
                  <Hash value={a.signature.tx} what="transaction id" />
                </>
              )}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

function Acknowledge({ excursion, shipment, onSigned }: { excursion: string } & Sign) {
  const { api, scopes } = useSigned();
  const [open, setOpen] = useState(false);
  const [done, setDone] = useState("");
  const opener = useRef<HTMLButtonElement>(null);
  if (!scopes.includes("shipments:write")) return null;
  const close = () => {
    setOpen(false);
    setTimeout(() => opener.current?.focus()); // it is drawn again first
  };
  return (
    <div class="acknowledge">
      <p class="hidden" role="status">
        {done}
      </p>
      {open ? (
        <SignForm
          id={`ack-${excursion}`}
          label={`Acknowledge ${excursion}`}
          action="Sign the acknowledgement"
          subject={excursion}
          onCancel={close}
          onSign={async (signed, key) => {
            const a = await api.acknowledge(shipment, excursion, signed, key);
            setDone(`Acknowledged by ${signer(a.signature)}`);
            close();
            onSigned();
          }}
        />
      ) : (
        <button type="button" class="button small" ref={opener} onClick={() => setOpen(true)}>
          Acknowledge <span class="hidden">{excursion}</span>
        </button>
      )}
    </div>
  );
}

function lasted(e: { start: string; end?: string | null }): string {
  if (!e.end) return "ongoing";
  const seconds = (Date.parse(e.end) - Date.parse(e.start)) / 1000;
  return seconds < 1 ? "one reading" : formatSpan(seconds);
}

// Peaks and limits travel as decimal text, so that a hash over them never depends on a float.
function number(metric: string, text: string, show: (metric: string, value: number) => string): string {
  const value = Number(text);
  return text !== "" && Number.isFinite(value) ? show(metric, value) : text;
}
