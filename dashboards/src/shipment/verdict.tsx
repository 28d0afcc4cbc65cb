import type { Compliance, MetricTime, Shipment } from "../api/shapes";
import { labelOf } from "../format/quantity";
import { formatSpan } from "../format/time";
import { verdictWord } from "../format/words";
import type { Resource } from "../resource";
import { Hash } from "../ui/hash";
import { Icon } from "../ui/icon";
import { verdictIcon, verdictTone } from "../ui/marks";
import { Loading, Trouble } from "../ui/states";
import { Time } from "../ui/time";

export function Verdict({ shipment, compliance }: { shipment: Shipment; compliance: Resource<Compliance> }) {
  const c = compliance.data;
  const verdict = c?.verdict ?? shipment.verdict;
  const open = shipment.state !== "closed" && verdict === "compliant";
  return (
    <section class="card verdict" aria-labelledby="verdict-title">
      <h2 id="verdict-title" class="hidden">Verdict</h2>
      <div class={`verdict-word ${verdictTone(verdict)}`}>
        <Icon name={verdictIcon(verdict)} size={28} />
        <div>
          <p class="verdict-name">{open ? "Compliant so far" : verdictWord(verdict)}</p>
          <p class="muted">
            {c?.evaluated_to ? (
              <>
                Judged up to <Time at={c.evaluated_to} />
              </>
            ) : (
              "Nothing judged yet"
            )}
          </p>
        </div>
      </div>
      {compliance.problem && <Trouble problem={compliance.problem} retry={compliance.reload} stale={c !== undefined} />}
      {!c && compliance.loading && <Loading label="Loading the verdict" rows={2} />}
      {c && (c.reasons?.length ?? 0) > 0 && (
        <ul class="reasons">
          {c.reasons!.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      {c?.metrics && Object.keys(c.metrics).length > 0 && (
        <div class="budgets">
          {Object.entries(c.metrics).map(([metric, time]) => (
            <Budget key={metric} metric={metric} time={time} />
          ))}
        </div>
      )}
      {c && (
        <dl class="facts inline">
          <div>
            <dt>Rule set</dt>
            <dd>
              {c.rule_set?.title ? `${c.rule_set.title} ` : ""}
              <span class={c.rule_set?.title ? "muted" : ""}>{shipment.rule_set}</span>
            </dd>
          </div>
          <div>
            <dt>Pinned on the ledger as</dt>
            <dd>
              <Hash value={c.rule_set_hash || shipment.rule_set_hash} what="rule set hash" />
            </dd>
          </div>
          {(c.revisions?.length ?? 0) > 0 && (
            <div>
              <dt>Ledger revisions</dt>
              <dd>
                {c.revisions!.length}, newest {verdictWord(c.revisions!.at(-1)!.result).toLowerCase()}
              </dd>
            </div>
          )}
        </dl>
      )}
    </section>
  );
}

// Budget shows where the time went. Unknown time has its own pattern: it is neither good nor bad.
function Budget({ metric, time }: { metric: string; time: MetricTime }) {
  const total = time.in_s + time.out_s + time.unknown_s;
  if (total <= 0) return null;
  const part = (s: number) => (s / total) * 100;
  // A slice that exists can be seen, however small.
  const wide = (s: number) => (s > 0 ? Math.max(part(s), 0.8) : 0);
  const out = wide(time.out_s);
  const unknown = wide(time.unknown_s);
  const percent = part(time.in_s);
  return (
    <div class="budget">
      <p>
        <span>{labelOf(metric)}</span>
        <strong>{percent === 100 ? "100" : (Math.floor(percent * 10) / 10).toFixed(1)} % in range</strong>
      </p>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar-in" x="0" y="0" width={100 - out - unknown} height="6" />
        <rect class="bar-out" x={100 - out - unknown} y="0" width={out} height="6" />
        <rect class="bar-unknown" x={100 - unknown} y="0" width={unknown} height="6" />
      </svg>
      <p class="muted">
        {time.out_s > 0 ? `${formatSpan(time.out_s)} out` : "never out"}
        {" · "}
        {time.unknown_s > 0 ? `${formatSpan(time.unknown_s)} unknown` : "no unknown time"}
      </p>
    </div>
  );
}
