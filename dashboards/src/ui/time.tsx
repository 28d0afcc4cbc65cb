import { useState } from "preact/hooks";
import { formatAgo, formatDateTime, formatSeconds, formatUtc } from "../format/time";
import { useEvery } from "../resource";
import { zone } from "../settings";
import { useStore } from "../store";

// Time shows the person's zone (or UTC when chosen); hovering gives UTC to the millisecond.
export function Time({ at, seconds = false }: { at: string | null | undefined; seconds?: boolean }) {
  const z = useStore(zone);
  const ms = at ? Date.parse(at) : NaN;
  if (!Number.isFinite(ms)) return <span class="muted">none</span>;
  return (
    <time dateTime={at!} title={formatUtc(ms)}>
      {(seconds ? formatSeconds : formatDateTime)(ms, z)}
    </time>
  );
}

// Ago keeps counting.
export function Ago({ at }: { at: string | number }) {
  const [now, setNow] = useState(Date.now());
  const ms = typeof at === "number" ? at : Date.parse(at);
  useEvery(now - ms < 60_000 ? 1_000 : 15_000, () => setNow(Date.now()));
  if (!Number.isFinite(ms)) return null;
  return (
    <time dateTime={new Date(ms).toISOString()} title={formatUtc(ms)}>
      {formatAgo(ms, Math.max(now, Date.now() - 1000))}
    </time>
  );
}
