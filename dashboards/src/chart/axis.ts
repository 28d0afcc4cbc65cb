import { formatClock, formatDay, type Zone } from "../format/time";

// timeLabels writes the day once, under the first tick of it, and the clock on every tick.
export function timeLabels(splits: (number | null)[], stepSeconds: number, zone: Zone): (string | null)[] {
  let day = "";
  return splits.map((split) => {
    if (split === null) return null;
    const ms = split * 1000;
    const today = formatDay(ms, zone);
    if (stepSeconds >= 86_400) return today;
    const clock = formatClock(ms, zone, stepSeconds < 60);
    if (today === day) return clock;
    day = today;
    return `${clock}\n${today}`;
  });
}
