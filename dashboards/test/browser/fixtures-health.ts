import type { Alarm, TrackerHealth } from "#rest";

const iso = (ms: number) => new Date(ms).toISOString();
const minute = 60_000;

// One tracker that is well, and one that is not.
export const healthAt = (now: number): TrackerHealth[] => [
  {
    tracker: "trk-0041",
    last_seen: iso(now - minute),
    last_measured: iso(now - minute - 300),
    next_due: iso(now + 9 * minute),
    due_by: "promise",
    usual_interval_s: 600,
    silent_since: null,
    battery: { percent: 64, time: iso(now - minute), per_day: -1.2, days_left: 53.3 },
    voltage: null,
    signal: { rssi: -82, time: iso(now - minute), median: -80 },
    clock: { offset_ms: -300, unset: false, drift_ms_per_day: 1700, off: false },
    refused: { count: 3, reason: "malformed", detail: "humidity is not a number", time: iso(now - 5 * minute) },
  },
  {
    tracker: "trk-0042",
    last_seen: iso(now - 42 * minute),
    last_measured: iso(now - 45 * minute),
    next_due: iso(now - 32 * minute),
    due_by: "usual",
    usual_interval_s: 600,
    silent_since: iso(now - 42 * minute),
    battery: { percent: 14, time: iso(now - 42 * minute), per_day: null, days_left: null },
    voltage: { value: 3.41, time: iso(now - 42 * minute) },
    signal: null,
    clock: { offset_ms: 180_000, unset: false, drift_ms_per_day: null, off: true },
    refused: null,
  },
];

export const alarmsAt = (now: number, shipment: string): Alarm[] => [
  { kind: "tracker_silent", shipment, tracker: "trk-0042", since: iso(now - 42 * minute), over: null, detail: "nothing heard; it usually speaks every 10 minutes" },
  { kind: "battery_low", shipment, tracker: "trk-0042", since: iso(now - 50 * minute), over: null, detail: "battery at 14 %" },
];
