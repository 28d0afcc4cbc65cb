import type { Compliance, JudgedRule } from "#rest";
import { ruleStateWord, addedUp } from "../format/judged";
import { inUnit } from "../format/quantity";
import { plural, sentence } from "../format/words";
import { unit } from "../settings";
import { useStore } from "../store";
import type { IconName } from "../ui/icon";
import { Mark, type Tone } from "../ui/marks";
import { TimeBar } from "../ui/timebar";

const marks: Record<string, [IconName, Tone]> = {
  met: ["ok", "good"],
  broken: ["bad", "bad"],
  unknown: ["unknown", "unsure"],
  not_judged: ["none", "calm"],
};

// Rules shows what each rule of the pinned set asks, and what the readings say to it.
export function Rules({ compliance }: { compliance: Compliance | undefined }) {
  const rules = compliance?.rules ?? [];
  if (rules.length === 0) return null;
  const counts = Object.keys(marks)
    .map((state) => [state, rules.filter((r) => r.state === state).length] as const)
    .filter(([, n]) => n > 0)
    .map(([state, n]) => `${n} ${ruleStateWord(state).toLowerCase()}`);
  return (
    <section class="card" aria-labelledby="rules-title">
      <div class="card-head">
        <h2 id="rules-title">Rules</h2>
        <p class="muted card-note">{[counts.join(", "), addedUp(compliance)].filter(Boolean).join("; ")}</p>
      </div>
      <ul class="judged-rules">
        {rules.map((r) => (
          <Row key={r.id} rule={r} />
        ))}
      </ul>
    </section>
  );
}

function Row({ rule }: { rule: JudgedRule }) {
  const u = useStore(unit);
  const [icon, tone] = marks[rule.state] ?? ["unknown", "unsure"];
  return (
    <li>
      <div class="judged-state">
        <Mark icon={icon} tone={tone} word={ruleStateWord(rule.state)} />
      </div>
      <div class="judged-ask">
        <p class="judged-text">{inUnit(rule.text, u)}</p>
        <p class="muted small">
          {[rule.id, rule.title, rule.severity && sentence(rule.severity), rule.excursions ? plural(rule.excursions, "excursion") : ""].filter(Boolean).join(" · ")}
        </p>
        {rule.reasons.length > 0 && (
          <ul class="reasons">
            {rule.reasons.map((reason) => (
              <li key={reason}>{inUnit(reason, u)}</li>
            ))}
          </ul>
        )}
      </div>
      <div class="judged-time">
        <TimeBar time={rule} />
      </div>
    </li>
  );
}
