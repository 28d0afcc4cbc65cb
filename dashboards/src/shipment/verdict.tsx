import type { Compliance, Shipment } from "#rest";
import { addedUp, confirmedText, standings } from "../format/judged";
import { inOrder, inUnit, labelOf } from "../format/quantity";
import { sentence, verdictWord } from "../format/words";
import type { Resource } from "../resource";
import { unit } from "../settings";
import { useStore } from "../store";
import { Hash } from "../ui/hash";
import { Icon } from "../ui/icon";
import { verdictIcon, verdictTone } from "../ui/marks";
import { Loading, Trouble } from "../ui/states";
import { Time } from "../ui/time";
import { TimeBar } from "../ui/timebar";

export function Verdict({ shipment, compliance }: { shipment: Shipment; compliance: Resource<Compliance> }) {
  const u = useStore(unit);
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
      {c && c.reasons.length > 0 && (
        <ul class="reasons">
          {c.reasons.map((reason) => (
            <li key={reason}>{inUnit(reason, u)}</li>
          ))}
        </ul>
      )}
      {c && Object.keys(c.metrics).length > 0 && (
        <div class="budgets">
          {inOrder(Object.keys(c.metrics)).map((metric) => (
            <TimeBar key={metric} label={labelOf(metric)} time={c.metrics[metric]!} />
          ))}
        </div>
      )}
      {c && addedUp(c) && <p class="muted small added-up">{sentence(addedUp(c))}</p>}
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
          <div>
            <dt>On the ledger</dt>
            <dd>
              {confirmedText(c)}
              {standings(c).map(({ text, from }) => (
                <p key={text} class="standing">
                  {text}
                  {from && (
                    <>
                      {" "}
                      <Time at={from} /> on
                    </>
                  )}
                </p>
              ))}
            </dd>
          </div>
        </dl>
      )}
    </section>
  );
}
