import type { Shipment } from "#rest";
import { stateWord, verdictWord } from "../format/words";
import { Icon, type IconName } from "./icon";

// A mark always has shape, word and colour, so none of them has to be seen alone.
export type Tone = "good" | "bad" | "warn" | "unsure" | "calm";

const verdicts: Record<string, [IconName, Tone]> = {
  compliant: ["ok", "good"],
  non_compliant: ["bad", "bad"],
  inconclusive: ["unknown", "unsure"],
  none: ["none", "calm"],
};

export function verdictTone(verdict: string): Tone {
  return verdicts[verdict]?.[1] ?? "unsure";
}

export function verdictIcon(verdict: string): IconName {
  return verdicts[verdict]?.[0] ?? "unknown";
}

export function VerdictMark({ verdict }: { verdict: string }) {
  return <Mark icon={verdictIcon(verdict)} tone={verdictTone(verdict)} word={verdictWord(verdict)} />;
}

const stateIcons: Record<Shipment["state"], IconName> = { created: "created", in_transit: "in_transit", delivered: "delivered", closed: "closed" };

export function StateMark({ state }: { state: Shipment["state"] }) {
  return (
    <span class="state">
      <Icon name={stateIcons[state]} />
      {stateWord(state)}
    </span>
  );
}

export function Mark({ icon, tone, word }: { icon: IconName; tone: Tone; word: string }) {
  return (
    <span class={`mark ${tone}`}>
      <Icon name={icon} />
      {word}
    </span>
  );
}

// CannotBeAsked stands for what is not known just now. It is no value, and no zero.
export const CannotBeAsked = () => <Mark icon="unknown" tone="unsure" word="Cannot be asked now" />;

export function OkMark({ ok, yes = "OK", no = "Failed" }: { ok: boolean; yes?: string; no?: string }) {
  return <Mark icon={ok ? "ok" : "bad"} tone={ok ? "good" : "bad"} word={ok ? yes : no} />;
}
