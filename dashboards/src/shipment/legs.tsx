import type { Compliance, Excursion, JudgedLeg } from "#rest";
import { complianceStateText } from "../format/judged";
import { displayName } from "../format/member";
import { formatSpan } from "../format/time";
import { plural, sentence } from "../format/words";
import { Mark } from "../ui/marks";
import { Time } from "../ui/time";
import { severityMark } from "./severity";

// Legs splits the liability: what happened while who held the goods.
export function Legs({ compliance }: { compliance: Compliance | undefined }) {
  const legs = compliance?.legs ?? [];
  if (legs.length === 0) return null;
  const known = new Map((compliance?.excursions ?? []).map((e) => [e.id, e]));
  return (
    <section class="card" aria-labelledby="legs-title">
      <div class="card-head">
        <h2 id="legs-title">Who held the goods when</h2>
        <p class="muted card-note">An excursion belongs to the leg in which it began. Times are of the tracker and metric that were out of range the longest.</p>
      </div>
      <ol class="legs">
        {legs.map((leg, n) => (
          <LegRow key={leg.from} leg={leg} last={n === legs.length - 1} known={known} />
        ))}
      </ol>
    </section>
  );
}

function LegRow({ leg, last, known }: { leg: JudgedLeg; last: boolean; known: Map<string, Excursion> }) {
  const ids = leg.excursions ?? [];
  const metrics = Object.values(leg.metrics ?? {});
  const unknown = Math.round(Math.max(0, ...metrics.map((m) => m.unknown_s)));
  const measured = metrics.some((m) => m.in_s + m.out_s > 0) || leg.out_s > 0;
  const opinions = leg.at_handover?.opinions ?? [];
  const judged = opinions.map((o) => o.to ?? "").sort().at(-1); // the furthest
  const rules = [...new Set(ids.map((id) => known.get(id)?.rule).filter(Boolean))];
  return (
    <li>
      <div>
        <p class="leg-name">{displayName(leg.custodian)}</p>
        <p class="muted small">
          <Time at={leg.from} /> {leg.to ? <>to <Time at={leg.to} /></> : "until now"}
        </p>
      </div>
      <div>
        {ids.length === 0 ? (
          <Mark {...(measured ? { icon: "ok", tone: "good" } : { icon: "none", tone: "calm" })} word="No excursion" />
        ) : (
          <>
            <Mark {...severityMark(leg.severity ?? "")} word={`${plural(ids.length, "excursion")}${leg.severity ? `, worst ${leg.severity}` : ""}`} />
            {rules.length > 0 && <p class="muted small">{rules.map((r) => sentence(r!)).join(", ")}</p>}
          </>
        )}
      </div>
      <div>
        <p>{leg.out_s > 0 ? `${formatSpan(leg.out_s)} out of range` : measured ? "Never out of range" : "Nothing was measured"}</p>
        {unknown > 0 && <p class="muted small">{formatSpan(unknown)} unknown</p>}
      </div>
      <div>
        {leg.at_handover ? (
          <>
            <p>{complianceStateText(leg.at_handover)}</p>
            <p class="muted small">
              On the ledger at the handover
              {judged && (
                <>
                  , judged up to <Time at={judged} />
                </>
              )}
            </p>
            {opinions.flatMap((o) =>
              o.budget.map((b) => (
                <p class="muted small" key={`${o.by} ${b.rule} ${b.band}`}>
                  Budget {b.band}
                  {opinions.length > 1 && ` as ${displayName(o.by)} says`}: {formatSpan(b.spent_s)}
                  {b.max_s > 0 && ` of ${formatSpan(b.max_s)}`} spent
                </p>
              )),
            )}
          </>
        ) : (
          <p class="muted">{!leg.to ? "Holds the goods now" : last ? "Ended with delivery" : "Nothing recorded at the handover"}</p>
        )}
      </div>
    </li>
  );
}
