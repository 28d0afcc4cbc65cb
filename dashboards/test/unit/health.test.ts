import { describe, expect, test } from "vitest";
import type { Alarm, TrackerHealth } from "#rest";
import { alarmsText, alarmText, batteryText, clockStateText, signalText } from "../../src/format/health";
import { healthAt } from "../browser/fixtures-health";

const plain = (text: string) => text.replaceAll("\u00a0", " ");
const [well, poor] = healthAt(0) as [TrackerHealth, TrackerHealth];

describe("how a tracker is, in words", () => {
  test("its battery", () => {
    const of = (battery: Partial<NonNullable<TrackerHealth["battery"]>>) => plain(batteryText({ battery: { ...well.battery!, ...battery }, voltage: null }));
    expect(of({})).toBe("Battery 64 %, 1.2 % less a day, some 53 days left");
    expect(of({ per_day: 0.01, days_left: null })).toBe("Battery 64 %");
    expect(of({ per_day: 3, days_left: null })).toBe("Battery 64 %, 3.0 % more a day");
    expect(of({ per_day: -64, days_left: 0.9 })).toBe("Battery 64 %, 64.0 % less a day, less than a day left");
    expect(of({ per_day: -0.1, days_left: 640 })).toBe("Battery 64 %, 0.1 % less a day, more than a year left");
    expect(plain(batteryText(poor))).toBe("Battery 14 % (3.41 V)");
    expect(plain(batteryText({ battery: null, voltage: poor.voltage }))).toBe("Battery 3.41 V");
    expect(batteryText({ battery: null, voltage: null })).toBe("");
  });

  test("its signal and its clock", () => {
    expect(plain(signalText(well))).toBe("Signal −82 dBm, usually −80 dBm");
    expect(plain(signalText({ signal: { ...well.signal!, median: -82.2 } }))).toBe("Signal −82 dBm");
    expect(signalText(poor)).toBe("");
    expect(plain(clockStateText(well))).toBe("Clock right, 1.7 s a day fast");
    expect(plain(clockStateText(poor))).toBe("Clock 3 min ahead");
    expect(plain(clockStateText({ clock: { offset_ms: -7_200_000, unset: false, drift_ms_per_day: -500, off: true } }))).toBe("Clock 2 h behind, 0.5 s a day slow");
    expect(clockStateText({ clock: { offset_ms: -1, unset: true, drift_ms_per_day: null, off: true } })).toBe("Clock not set");
    expect(clockStateText({ clock: null })).toBe("");
  });

  test("alarms, in full and in a list", () => {
    const alarm = (kind: Alarm["kind"], tracker: string | null, detail: string) => ({ kind, tracker, detail });
    expect(alarmText(alarm("tracker_silent", "trk-1", "nothing heard"))).toBe("trk-1: nothing heard");
    expect(alarmText(alarm("shipment_silent", null, "all 2 trackers are silent"))).toBe("All 2 trackers are silent");
    expect(alarmText(alarm("shipment_silent", null, "its only tracker is silent"))).toBe("The only tracker on it is silent");
    const kinds = (...all: Alarm["kind"][]) => alarmsText(all.map((kind) => ({ kind })));
    expect(kinds("tracker_silent")).toBe("1 silent tracker");
    expect(kinds("tracker_silent", "tracker_silent", "battery_low", "clock_off")).toBe("2 silent trackers, 1 low battery, 1 wrong clock");
    expect(kinds("tracker_silent", "shipment_silent")).toBe("No tracker is heard");
    expect(kinds()).toBe("");
  });
});
