import type { Reading } from "#rest";
import type { Window } from "./window";

// null is a break in the line; undefined is only a time at which another tracker has a point.
export type Cell = number | null | undefined;

export type TrackerColumns = { tracker: string; mid: Cell[]; low: Cell[]; high: Cell[] };

// Columns is one metric, ready for uPlot: x in seconds, ascending and unique.
export type Columns = {
  metric: string;
  x: number[];
  trackers: TrackerColumns[];
  windows: boolean;
  gaps: Window[]; // no tracker reported the metric: unknown time
  min: number;
  max: number;
};

type Point = { from: number; to: number; mid: number; low: number; high: number };

// A reading is a single one, or a window of several.
export const isWindow = (item: Reading) => typeof item.from === "string";

export const startOf = (item: Reading) => item.from ?? item.time ?? "";

// columnsOf shapes the items of one metric. maxGapMs is the rule set's: beyond it, time is unknown and the line breaks.
export function columnsOf(
  items: Reading[],
  metric: string,
  maxGapMs: number,
  window: Window,
  convert: (value: number) => number = (v) => v,
): Columns {
  const byTracker = new Map<string, Point[]>();
  let windows = false;
  for (const item of items) {
    const point = pointOf(item, metric, convert);
    windows ||= isWindow(item);
    if (!point) continue;
    const points = byTracker.get(item.tracker);
    if (points) points.push(point);
    else byTracker.set(item.tracker, [point]);
  }

  const cells = new Map<number, Map<string, Point | null>>();
  const silences = new Map<string, Window[]>();
  const put = (ms: number, tracker: string, point: Point | null) => {
    const row = cells.get(ms);
    if (row) row.set(tracker, point);
    else cells.set(ms, new Map([[tracker, point]]));
  };
  let min = Infinity;
  let max = -Infinity;
  for (const [tracker, points] of byTracker) {
    points.sort((a, b) => a.from - b.from);
    const silent: Window[] = [];
    silences.set(tracker, silent);
    let before: Point | undefined;
    for (const point of points) {
      if (before && point.from - before.to > maxGapMs) {
        put((before.to + point.from) / 2, tracker, null);
        silent.push({ from: middle(before), to: middle(point) });
      }
      put(middle(point), tracker, point);
      min = Math.min(min, point.low);
      max = Math.max(max, point.high);
      before = point;
    }
  }

  const times = [...cells.keys()].sort((a, b) => a - b);
  const trackers = [...byTracker.keys()].sort();
  // uPlot breaks a line from the cell before a run of nulls to the cell after it, also where those cells hold nothing:
  // within a silence every cell is null, or another tracker's times would leave part of it drawn.
  const column = (tracker: string, of: (p: Point) => number): Cell[] => {
    const silent = silences.get(tracker)!;
    let s = 0;
    return times.map((ms) => {
      const point = cells.get(ms)!.get(tracker);
      if (point) return of(point);
      while (s < silent.length && silent[s]!.to <= ms) s++;
      return s < silent.length && silent[s]!.from < ms ? null : point;
    });
  };
  return {
    metric,
    x: times.map((ms) => ms / 1000),
    trackers: trackers.map((tracker) => ({
      tracker,
      mid: column(tracker, (p) => p.mid),
      low: column(tracker, (p) => p.low),
      high: column(tracker, (p) => p.high),
    })),
    windows,
    gaps: gapsOf([...byTracker.values()].flat(), maxGapMs, window),
    min,
    max,
  };
}

function middle(point: Point): number {
  return (point.from + point.to) / 2;
}

function pointOf(item: Reading, metric: string, convert: (v: number) => number): Point | null {
  const mean = item.mean?.[metric] ?? item.values?.[metric];
  const from = Date.parse(startOf(item));
  const to = item.to ? Date.parse(item.to) : from;
  if (mean === undefined || !Number.isFinite(from) || !Number.isFinite(to)) return null;
  return { from, to, mid: convert(mean), low: convert(item.min?.[metric] ?? mean), high: convert(item.max?.[metric] ?? mean) };
}

function gapsOf(points: Point[], maxGapMs: number, window: Window): Window[] {
  const gaps: Window[] = [];
  let covered = window.from;
  for (const point of points.sort((a, b) => a.from - b.from)) {
    if (point.from - covered > maxGapMs) gaps.push({ from: covered, to: point.from });
    covered = Math.max(covered, point.to);
  }
  if (points.length > 0 && window.to - covered > maxGapMs) gaps.push({ from: covered, to: window.to });
  return gaps;
}

// near finds the index closest to i that holds a value, without crossing a break.
export function near(column: Cell[], i: number): number | null {
  if (column[i] === null) return null;
  if (column[i] !== undefined) return i;
  let left = i;
  while (left >= 0 && column[left] === undefined) left--;
  let right = i;
  while (right < column.length && column[right] === undefined) right++;
  const hasLeft = left >= 0 && column[left] !== null;
  const hasRight = right < column.length && column[right] !== null;
  if (hasLeft && hasRight) return i - left <= right - i ? left : right;
  if (hasLeft && right >= column.length) return left;
  if (hasRight && left < 0) return right;
  return null;
}
