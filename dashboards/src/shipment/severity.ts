import type { IconName } from "../ui/icon";
import type { Tone } from "../ui/marks";

const tones: Record<string, Tone> = { info: "calm", minor: "warn", major: "bad", critical: "bad" };

// severityMark gives the look of a severity; the word beside it tells it.
export function severityMark(severity: string): { icon: IconName; tone: Tone } {
  const tone = tones[severity] ?? "warn";
  return { icon: tone === "bad" ? "bad" : tone === "calm" ? "none" : "warn", tone };
}
