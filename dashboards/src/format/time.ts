export type Zone = "local" | "utc";

const cache = new Map<string, Intl.DateTimeFormat>();

function formatter(kind: string, zone: Zone, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${kind}/${zone}`;
  let f = cache.get(key);
  if (!f) {
    f = new Intl.DateTimeFormat("en-GB", { ...options, hourCycle: "h23", ...(zone === "utc" ? { timeZone: "UTC" } : {}) });
    cache.set(key, f);
  }
  return f;
}

const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };
const clock: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };

export function formatDateTime(ms: number, zone: Zone): string {
  return formatter("datetime", zone, { ...day, ...clock }).format(ms);
}

export function formatSeconds(ms: number, zone: Zone): string {
  return formatter("seconds", zone, { ...day, ...clock, second: "2-digit" }).format(ms);
}

export function formatClock(ms: number, zone: Zone, seconds = false): string {
  return formatter(seconds ? "clock-s" : "clock", zone, { ...clock, ...(seconds ? { second: "2-digit" } : {}) }).format(ms);
}

export function formatDay(ms: number, zone: Zone): string {
  return formatter("day", zone, { day: "numeric", month: "short" }).format(ms);
}

// formatUtc is what a hover shows, whatever the page shows: unambiguous and sortable.
export function formatUtc(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");
}

export function zoneName(zone: Zone): string {
  return zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

// formatAgo says how long ago in the largest whole unit: "6 s ago", "in 2 min".
export function formatAgo(ms: number, now: number): string {
  const s = Math.round((now - ms) / 1000);
  if (Math.abs(s) < 2) return "now";
  const span = formatSpan(Math.abs(s), 1);
  return s < 0 ? `in ${span}` : `${span} ago`;
}

const units: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

// formatSpan: 5400 is "1 h 30 min".
export function formatSpan(seconds: number, parts = 2): string {
  let rest = Math.round(seconds);
  const out: string[] = [];
  for (const [size, name] of units) {
    const n = Math.floor(rest / size);
    if (n > 0) {
      out.push(`${n}\u00a0${name}`);
      rest -= n * size;
    } else if (out.length > 0) break;
    if (out.length === parts) break;
  }
  return out.length > 0 ? out.join(" ") : "0\u00a0s";
}
