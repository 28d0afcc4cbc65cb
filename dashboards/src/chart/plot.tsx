import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { labelOf, unitOf, formatNumber, type TemperatureUnit } from "../format/quantity";
import type { Zone } from "../format/time";
import { paintEpoch } from "../settings";
import { useStore } from "../store";
import { timeLabels } from "./axis";
import type { Columns } from "./columns";
import { scaleOf, type Limit } from "./limits";
import { dashes, font, overlay, paletteOf, underlay, type Palette } from "./paint";
import { Tooltip } from "./tooltip";
import type { Window } from "./window";

export type PlotProps = {
  columns: Columns;
  limits: Limit[];
  excursions: Window[];
  window: Window;
  height: number;
  unit: TemperatureUnit;
  zone: Zone;
  summary: string; // what a person who cannot see the chart should know
  onZoom: (window: Window) => void;
};

// Plot draws one metric. It is built anew when its data changes: a build costs a few milliseconds, and old data or an
// old palette can never survive it. Who points at a moment goes on reading it.
export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const pointer = useRef<{ left: number; top: number } | null>(null); // where it rested when the plot before this one ended
  const epoch = useStore(paintEpoch);

  useEffect(() => {
    const element = host.current!;
    const palette = paletteOf(element);
    const tooltip = new Tooltip(props.columns, props.limits, unitOf(props.columns.metric, props.unit), props.zone);
    const plot = new uPlot(optionsOf(props, palette, tooltip, element.clientWidth), dataOf(props.columns), element);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== plot.width) {
        plot.setSize({ width: element.clientWidth, height: props.height });
      }
    });
    observer.observe(element);
    if (pointer.current) {
      tooltip.enter();
      plot.setCursor(pointer.current);
    }
    return () => {
      pointer.current = tooltip.hovered ? { left: plot.cursor.left ?? -1, top: plot.cursor.top ?? -1 } : null;
      observer.disconnect();
      plot.destroy();
    };
  }, [props.columns, props.limits, props.excursions, props.window, props.height, props.unit, props.zone, epoch]);

  return <div class={`plot plot-${props.columns.metric}`} ref={host} role="img" aria-label={props.summary} />;
}

function dataOf(columns: Columns): uPlot.AlignedData {
  const data: unknown[] = [columns.x];
  for (const tracker of columns.trackers) {
    data.push(tracker.mid);
    if (columns.windows) data.push(tracker.high, tracker.low);
  }
  return data as uPlot.AlignedData;
}

function optionsOf(props: PlotProps, palette: Palette, tooltip: Tooltip, width: number): uPlot.Options {
  const { columns, limits, window, zone } = props;
  const pulses = columns.metric === "shock";
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  columns.trackers.forEach((tracker, n) => {
    const colour = palette.series[n % palette.series.length]!;
    series.push({
      label: tracker.tracker,
      stroke: colour,
      width: 1.75,
      dash: dashes[n % dashes.length]!,
      ...(pulses && !columns.windows ? { paths: uPlot.paths.bars!({ size: [0.6, 6] }), fill: colour } : {}),
      points: { show: pulses ? false : undefined!, size: 4 },
    });
    if (columns.windows) {
      const edge = { stroke: "transparent", width: 0, points: { show: false } };
      series.push({ ...edge }, { ...edge });
      bands.push({ series: [series.length - 2, series.length - 1], fill: withAlpha(colour, pulses ? 0.45 : 0.22) });
    }
  });
  const marks = { limits, gaps: columns.gaps, excursions: props.excursions };
  return {
    width,
    height: props.height,
    padding: [10, 26, 0, 0], // half a clock to the second: a tick may stand at the very end
    legend: { show: false },
    series,
    bands,
    ...(zone === "utc" ? { tzDate: (s: number) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC") } : {}),
    scales: {
      x: { time: true, range: () => [window.from / 1000, window.to / 1000] },
      y: { range: () => scaleOf(columns.min, columns.max, limits, floorOf(columns.metric)) },
    },
    axes: [
      {
        stroke: palette.muted,
        font,
        grid: { show: false },
        ticks: { stroke: palette.grid, size: 4 },
        size: 38,
        space: 76,
        values: (_u, splits, _axis, _space, step) => timeLabels(splits, step, zone),
      },
      {
        stroke: palette.muted,
        font,
        grid: { stroke: palette.grid, width: 1 },
        ticks: { show: false },
        size: 46,
        space: 34,
        values: (_u, splits) => axisNumbers(columns.metric, splits),
      },
    ],
    cursor: {
      y: false,
      sync: { key: "trackseal" },
      drag: { x: true, y: false, setScale: false, dist: 8 },
      points: { size: 7, width: 2, fill: palette.surface },
    },
    hooks: {
      ready: [(u) => tooltip.attach(u)],
      drawClear: [(u) => underlay(u, palette, marks)],
      draw: [(u) => overlay(u, palette, marks)],
      setCursor: [(u) => tooltip.update(u)],
      setSelect: [
        (u) => {
          const { left, width: selected } = u.select;
          if (selected < 8) return;
          const zoomed = { from: u.posToVal(left, "x") * 1000, to: u.posToVal(left + selected, "x") * 1000 };
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          // The other charts follow the drag; only the one under the pointer reports it.
          if (tooltip.hovered && zoomed.to - zoomed.from >= 30_000) props.onZoom(zoomed);
        },
      ],
    },
  };
}

function floorOf(metric: string): number | undefined {
  return metric === "shock" ? 0 : undefined;
}

function axisNumbers(metric: string, splits: number[]): string[] {
  const whole = splits.every((v) => Number.isInteger(v));
  return splits.map((v) => (whole ? String(v).replace("-", "−") : formatNumber(metric === "humidity" ? "temperature" : metric, v)));
}

function withAlpha(colour: string, alpha: number): string {
  // The style sheet's series colours are #rrggbb.
  const n = Number.parseInt(colour.slice(1), 16);
  return `rgba(${(n >> 16) & 255}, ${(n >> 8) & 255}, ${n & 255}, ${alpha})`;
}

// summaryOf is the chart in one sentence.
export function summaryOf(columns: Columns, unit: TemperatureUnit, excursions: number): string {
  const name = labelOf(columns.metric);
  if (columns.x.length === 0) return `${name}: no readings in this window`;
  const u = unitOf(columns.metric, unit);
  const gaps = columns.gaps.length === 1 ? "1 gap" : `${columns.gaps.length} gaps`;
  const outs = excursions === 1 ? "1 excursion" : `${excursions} excursions`;
  return `${name} from ${formatNumber(columns.metric, columns.min)} to ${formatNumber(columns.metric, columns.max)} ${u}, ${gaps}, ${outs}`;
}
