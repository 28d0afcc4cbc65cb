import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quantities } from "../../src/format/quantity";
import * as fixtures from "../browser/fixtures";
import { timeLabels } from "../../src/chart/axis";
import { columnsOf, near, type Cell } from "../../src/chart/columns";
import { limitsOf, outOf, scaleOf } from "../../src/chart/limits";
import { defaultRange, everyFor, usefulRanges, wholeWindow, windowOf } from "../../src/chart/window";
import type { Reading, RuleSetInfo, Shipment } from "#rest";

const t0 = Date.parse("2026-11-22T10:00:00Z");
const minute = 60_000;
const hour = 60 * minute;
const iso = (ms: number) => new Date(ms).toISOString();
const reading = (min: number, tracker: string, temperature?: number): Reading => ({
  time: iso(t0 + min * minute),
  tracker,
  values: temperature === undefined ? { humidity: 1 } : { temperature },
});

describe("columnsOf", () => {
  const window = { from: t0, to: t0 + hour };

  test("breaks the line in a gap and marks unknown time, also before and after", () => {
    const c = columnsOf([reading(20, "a", 1), reading(25, "a", 2), reading(41, "a", 3)], "temperature", 10 * minute, window);
    expect(c.trackers[0]!.mid).toEqual([1, 2, null, 3]);
    expect(c.x).toEqual([20, 25, 33, 41].map((m) => (t0 + m * minute) / 1000));
    expect(c.gaps.map((g) => [(g.from - t0) / minute, (g.to - t0) / minute])).toEqual([[0, 20], [25, 41], [41, 60]]);
    expect([c.min, c.max]).toEqual([1, 3]);
  });

  test("exactly the longest allowed gap is none", () => {
    const c = columnsOf([reading(0, "a", 1), reading(10, "a", 2)], "temperature", 10 * minute, { from: t0, to: t0 + 20 * minute });
    expect(c.trackers[0]!.mid).toEqual([1, 2]);
    expect(c.gaps).toEqual([]);
  });

  test("aligns trackers without inventing breaks; one silent tracker is no unknown time", () => {
    const items = [reading(2, "b", 9), reading(0, "a", 1), reading(1, "b", 8), reading(2, "a", 2), reading(3, "b", 7), reading(9, "b", 6)];
    const c = columnsOf(items, "temperature", 6 * minute, { from: t0, to: t0 + 10 * minute });
    expect(c.trackers.map((t) => t.tracker)).toEqual(["a", "b"]);
    expect(c.trackers[0]!.mid).toEqual([1, undefined, 2, undefined, undefined]);
    expect(c.trackers[1]!.mid).toEqual([undefined, 8, 9, 7, 6]);
    expect(c.gaps).toEqual([]);
  });

  test("breaks each tracker's line over all of its own silence, whatever the others report meanwhile", () => {
    const items = [reading(0, "a", 1), reading(0.1, "b", 5), reading(30, "a", 2), reading(30.1, "b", 6)];
    const c = columnsOf(items, "temperature", 10 * minute, { from: t0, to: t0 + 31 * minute });
    expect(c.x.map((s) => Math.round((s - t0 / 1000) / 6) / 10)).toEqual([0, 0.1, 15, 15.1, 30, 30.1]);
    expect(c.trackers[0]!.mid).toEqual([1, null, null, null, 2, undefined]);
    expect(c.trackers[1]!.mid).toEqual([undefined, 5, null, null, null, 6]);
    expect(c.gaps).toHaveLength(1);
    // One is silent, the other is not: only the first line breaks, and no time is unknown.
    const one = columnsOf([reading(0, "a", 1), ...[0.1, 8, 16, 24, 30].map((m) => reading(m, "b", 5)), reading(29, "a", 2)], "temperature", 10 * minute, { from: t0, to: t0 + 31 * minute });
    expect(one.trackers[0]!.mid).toEqual([1, null, null, null, null, null, 2, undefined]);
    expect(one.gaps).toEqual([]);
  });

  test("keeps lowest and highest of a period, converted", () => {
    const bucket: Reading = { from: iso(t0), to: iso(t0 + minute), tracker: "a", min: { temperature: 0 }, max: { temperature: 10 }, mean: { temperature: 4 }, count: { temperature: 3 } };
    const c = columnsOf([bucket], "temperature", hour, window, (v) => (v * 9) / 5 + 32);
    expect(c.windows).toBe(true);
    expect(c.trackers[0]).toMatchObject({ low: [32], mid: [39.2], high: [50] });
    expect(c.x).toEqual([t0 / 1000 + 30]);
  });

  test("nothing of this metric, or times that cannot be read, make an empty chart", () => {
    const c = columnsOf([reading(1, "a"), { ...reading(2, "a", 3), time: "yesterday" }], "temperature", minute, window);
    expect(c.x).toEqual([]);
    expect(c.gaps).toEqual([]);
  });
});

test("near never answers across a break", () => {
  const column: Cell[] = [undefined, 1, undefined, undefined, 4, null, 6, undefined];
  expect(column.map((_, i) => near(column, i))).toEqual([1, 1, 1, 4, 4, null, 6, 6]);
  expect(near([1, undefined, null], 1)).toBeNull();
});

describe("limits", () => {
  beforeAll(() => quantities.set(fixtures.quantities));
  afterAll(() => quantities.set([]));

  const rules: RuleSetInfo = {
    ...{ ref: "r@1", title: "", schema: "trackseal-rule-set/1", hash: "", builtin: false, publisher: null, published_at: null, tx: null, max_gap_s: 900 },
    id: "r",
    version: 1,
    rules: [
      { id: "warm", severity: "major", limit: { metric: "temperature", op: ">", value: "8", mode: "consecutive", duration_s: 600 } },
      { id: "hot", severity: "critical", limit: { metric: "temperature", op: ">=", value: "25.5", mode: "instant" } },
      { id: "cold", severity: "major", limit: { metric: "temperature", op: "<", value: "2", mode: "cumulative", duration_s: 3600 } },
      { id: "odd", severity: "minor", limit: { metric: "temperature", op: ">", value: "many", mode: "instant" } },
      { id: "wet", severity: "minor", limit: { metric: "humidity", op: ">", value: "75", mode: "instant" } },
    ],
  };

  test("names each limit and knows the tightest of each side", () => {
    const limits = limitsOf(rules, "temperature", "C");
    expect(limits.map((l) => [l.rule, l.value, l.label.replaceAll("\u00a0", " "), l.tightest])).toEqual([
      ["hot", 25.5, "max 25.5 °C", false],
      ["warm", 8, "max 8 °C for 10 min", true],
      ["cold", 2, "min 2 °C for 1 h in total", true],
    ]);
    expect(limitsOf(rules, "temperature", "F").map((l) => l.value)).toEqual([77.9, 46.4, 35.6]);
    expect(limitsOf(undefined, "temperature", "C")).toEqual([]);
  });

  test("a value on the limit is beyond it when the rule says so", () => {
    const limits = limitsOf(rules, "temperature", "C");
    expect([8, 8.01, 2, 1.99].map((v) => outOf(v, limits))).toEqual([false, true, false, true]);
    const hot = limits.filter((l) => l.rule === "hot");
    expect([25.49, 25.5, 25.51].map((v) => outOf(v, hot))).toEqual([false, true, true]);
    const frozen: RuleSetInfo = { ...rules, rules: [{ id: "frozen", limit: { metric: "temperature", op: "<=", value: "-0.5", mode: "instant" } }] };
    expect([-0.49, -0.5].map((v) => outOf(v, limitsOf(frozen, "temperature", "C")))).toEqual([false, true]);
  });

  test("the scale holds data and tight limits, not far ones", () => {
    const limits = limitsOf(rules, "temperature", "C");
    const [low, high] = scaleOf(4, 5, limits);
    expect(low).toBeLessThan(2);
    expect(high).toBeGreaterThan(8);
    expect(high).toBeLessThan(25.5);
    expect(scaleOf(0, 3, [], 0)[0]).toBe(0);
    const [flatLow, flatHigh] = scaleOf(5, 5, []);
    expect(flatLow).toBeLessThan(5);
    expect(flatHigh).toBeGreaterThan(5);
    expect(scaleOf(Infinity, -Infinity, [])).toEqual([0, 1]);
  });
});

describe("window", () => {
  const now = t0;
  const assigned = (from: number, to: number | null) => ({
    state: "in_transit" as Shipment["state"],
    created_at: iso(now - 99 * hour),
    delivered_at: null as string | null,
    closed_at: null,
    assignments: [{ from: iso(from), to: to ? iso(to) : null }],
    last: null,
  });

  test("runs from the first assignment to now while the shipment is open", () => {
    expect(wholeWindow(assigned(now - 5 * hour, null), now)).toEqual({ from: now - 5 * hour, to: now });
    expect(wholeWindow({ ...assigned(now, null), assignments: [] }, now).from).toBe(now - 99 * hour);
  });

  test("ends where an ended shipment ended, but never before its last reading", () => {
    const s = { ...assigned(now - 50 * hour, now - 20 * hour), state: "delivered" as const, delivered_at: iso(now - 19 * hour) };
    expect(wholeWindow(s, now).to).toBe(now - 20 * hour);
    expect(wholeWindow({ ...s, last: { time: iso(now - 18 * hour), values: {} } }, now).to).toBe(now - 18 * hour);
  });

  test("is never empty", () => {
    const w = wholeWindow(assigned(now + hour, null), now);
    expect(w.to - w.from).toBeGreaterThanOrEqual(minute);
  });

  test("offers the ranges that differ", () => {
    expect(usefulRanges({ from: now - 7 * hour, to: now })).toEqual(["1h", "6h", "all"]);
    expect(usefulRanges({ from: now - minute, to: now })).toEqual(["all"]);
    expect(windowOf("6h", { from: now - 7 * hour, to: now })).toEqual({ from: now - 6 * hour, to: now });
    expect(defaultRange({ from: now - 70 * hour, to: now })).toBe("all");
    expect(defaultRange({ from: now - 80 * hour, to: now })).toBe("24h");
    expect(defaultRange({ from: now - 80 * hour, to: now }, now - 23 * hour)).toBe("24h");
    expect(defaultRange({ from: now - 80 * hour, to: now }, now - 25 * hour)).toBe("all"); // an old trip is shown, not an empty day
  });

  test("shows what was measured when the rest is silence", () => {
    const recorded = { from: now - 320 * 24 * hour, to: now }; // half a minute of readings, replayed much later
    const last = recorded.from + minute / 2;
    expect(defaultRange(recorded, last)).toBe("measured");
    expect(usefulRanges(recorded, last)).toEqual(["1h", "6h", "24h", "7d", "measured", "all"]);
    const shown = windowOf("measured", recorded, last);
    expect([shown.from, shown.to > last, shown.to < last + minute]).toEqual([recorded.from, true, true]);
    const live = { from: now - 5 * hour, to: now };
    expect([defaultRange(live, now - minute), defaultRange(live, now - hour), defaultRange(live)]).toEqual(["all", "all", "all"]);
    expect(usefulRanges(live, now - minute)).toEqual(["1h", "all"]);
    expect(defaultRange(live, live.from)).toBe("all"); // one reading
  });

  test("asks for periods when single readings would be too many", () => {
    const every = (length: number) => everyFor({ from: now, to: now + length });
    expect([hour, 2 * hour, 6 * hour, 24 * hour, 7 * 24 * hour, 900 * 24 * hour].map(every)).toEqual([undefined, undefined, "1m", "5m", "30m", "24h"]);
  });
});

test("time labels tell the day once", () => {
  const splits = [t0 / 1000 - 11 * 3600, t0 / 1000 - 3600, t0 / 1000];
  expect(timeLabels(splits, 3600, "utc")).toEqual(["23:00\n21 Nov", "09:00\n22 Nov", "10:00"]);
  expect(timeLabels([null, t0 / 1000], 86_400, "utc")).toEqual([null, "22 Nov"]);
  expect(timeLabels([t0 / 1000], 10, "utc")).toEqual(["10:00:00\n22 Nov"]);
});
