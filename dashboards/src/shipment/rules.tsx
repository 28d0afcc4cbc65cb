import type { Compliance, JudgedRule, Rule } from "#rest";
import { ruleStateWord, addedUp } from "../format/judged";
import { ruleSentence } from "../format/rules";
import { readableSpans } from "../format/time";
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
  const asked = new Map((compliance?.rule_set?.rules ?? []).map((r) => [r.id, r]));
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
          <Row key={r.id} rule={r} asked={asked.get(r.id)} />
        ))}
      </ul>
    </section>
  );
}

function Row({ rule, asked }: { rule: JudgedRule; asked: Rule | undefined }) {
  const u = useStore(unit);
  const [icon, tone] = marks[rule.state] ?? ["unknown", "unsure"];
  const text = (asked && ruleSentence(asked, u)) || rule.text || rule.title || rule.id;
  return (
    <li>
      <div class="judged-state">
        <Mark icon={icon} tone={tone} word={ruleStateWord(rule.state)} />
      </div>
      <div class="judged-ask">
        <p class="judged-text">{text}</p>
        <p class="muted small">
          {[rule.id, rule.title, rule.severity && sentence(rule.severity), rule.excursions ? plural(rule.excursions, "excursion") : ""].filter(Boolean).join(" · ")}
        </p>
        {(rule.reasons?.length ?? 0) > 0 && (
          <ul class="reasons">
            {rule.reasons!.map((reason) => (
              <li key={reason}>{readableSpans(reason)}</li>
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
