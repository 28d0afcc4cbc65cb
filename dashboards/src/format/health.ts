import type { Alarm, TrackerHealth } from "#rest";
import { formatSpan } from "./time";
import { plural, sentence } from "./words";

// alarmText: "trk-0041: nothing heard; it usually speaks every 10 minutes", "No tracker is heard".
export function alarmText(a: Pick<Alarm, "kind" | "tracker" | "detail">): string {
  if (a.kind === "shipment_silent") return a.detail === "its only tracker is silent" ? "The only tracker on it is silent" : sentence(a.detail);
  return a.tracker ? `${a.tracker}: ${a.detail}` : sentence(a.detail);
}

// alarmsText says in a list's few words what is wrong on a shipment.
export function alarmsText(alarms: Pick<Alarm, "kind">[]): string {
  const of = (kind: Alarm["kind"]) => alarms.filter((a) => a.kind === kind).length;
  if (of("shipment_silent") > 0) return "No tracker is heard";
  const parts = [
    of("tracker_silent") > 0 ? plural(of("tracker_silent"), "silent tracker") : "",
    of("battery_low") > 0 ? plural(of("battery_low"), "low battery", "low batteries") : "",
    of("clock_off") > 0 ? plural(of("clock_off"), "wrong clock") : "",
  ].filter(Boolean);
  return parts.join(", ");
}

// batteryText: "Battery 64 %, 1.2 % less a day, some 53 days left".
export function batteryText(h: Pick<TrackerHealth, "battery" | "voltage">): string {
  const b = h.battery;
  const volts = h.voltage ? `${h.voltage.value.toFixed(2)}\u00a0V` : "";
  if (!b) return volts && `Battery ${volts}`;
  const parts = [`Battery ${Math.round(b.percent)}\u00a0%`];
  if (volts) parts[0] += ` (${volts})`;
  if (b.per_day !== null && Math.abs(b.per_day) >= 0.05) parts.push(`${Math.abs(b.per_day).toFixed(1)}\u00a0% ${b.per_day < 0 ? "less" : "more"} a day`);
  if (b.days_left !== null) parts.push(b.days_left < 1 ? "less than a day left" : b.days_left > 365 ? "more than a year left" : `some ${plural(Math.round(b.days_left), "day")} left`);
  return parts.join(", ");
}

// signalText: "Signal −82 dBm, usually −80 dBm".
export function signalText(h: Pick<TrackerHealth, "signal">): string {
  const dbm = (n: number) => `${n < 0 ? "−" : ""}${Math.abs(Math.round(n))}\u00a0dBm`;
  if (!h.signal) return "";
  const { rssi, median } = h.signal;
  return Math.round(rssi) === Math.round(median) ? `Signal ${dbm(rssi)}` : `Signal ${dbm(rssi)}, usually ${dbm(median)}`;
}

// clockStateText: "Clock 3 min ahead", "Clock right, 1.7 s a day fast". A second of it is the way here.
export function clockStateText(h: Pick<TrackerHealth, "clock">): string {
  const c = h.clock;
  if (!c) return "";
  if (c.unset) return "Clock not set";
  const off = Math.abs(c.offset_ms) >= 10_000;
  const base = off ? `Clock ${formatSpan(Math.abs(c.offset_ms) / 1000, 1)} ${c.offset_ms > 0 ? "ahead" : "behind"}` : "Clock right";
  const drift = c.drift_ms_per_day;
  if (drift === null || Math.abs(drift) < 100) return base;
  return `${base}, ${(Math.abs(drift) / 1000).toFixed(1)}\u00a0s a day ${drift > 0 ? "fast" : "slow"}`;
}

const dueWords: Record<TrackerHealth["due_by"], string> = { promise: "as it promised", usual: "as usual", unknown: "" };

export const dueWord = (by: TrackerHealth["due_by"]) => dueWords[by];
