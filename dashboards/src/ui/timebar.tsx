import type { RangeTimes } from "#rest";
import { formatSpan } from "../format/time";

// TimeBar shows where the time went. Unknown time is neither good nor bad; the text below says what the colours do.
export function TimeBar({ label, time }: { label?: string; time: Omit<RangeTimes, "below_s"> }) {
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
        {label && <span>{label}</span>}
        <strong>{percent === 100 ? "100" : (Math.floor(percent * 10) / 10).toFixed(1)} % in range</strong>
      </p>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar-in" x="0" y="0" width={Math.max(100 - out - unknown, 0)} height="6" />
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
