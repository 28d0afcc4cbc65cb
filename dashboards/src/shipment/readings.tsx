import { useEffect, useMemo, useState } from "preact/hooks";
import type { Compliance, Shipment } from "#rest";
import { columnsOf, type Columns } from "../chart/columns";
import { limitsOf } from "../chart/limits";
import { Plot, summaryOf } from "../chart/plot";
import { plotted } from "../chart/plotted";
import { defaultRange, everyFor, usefulRanges, wholeWindow, windowOf, type Range, type Window } from "../chart/window";
import { useSigned } from "../context";
import { convert, labelOf, quantities, unitOf } from "../format/quantity";
import { formatDateTime, zoneName } from "../format/time";
import { useResource, useThrottled } from "../resource";
import { unit, zone } from "../settings";
import { useStore } from "../store";
import { Icon } from "../ui/icon";
import { Segments } from "../ui/segments";
import { Empty, Loading, Trouble } from "../ui/states";
import { ReadingsTable } from "./table";

const heights: Record<string, number> = { temperature: 264, humidity: 168, shock: 148 };
const rangeWords: Partial<Record<Range, { label: string; title?: string }>> = {
  all: { label: "All" },
  measured: { label: "Measured", title: "From the start to the newest reading" },
};
const fallbackGapMs = 15 * 60_000;

export function Readings({ shipment, compliance, pulse }: { shipment: Shipment; compliance: Compliance | undefined; pulse: number }) {
  const { api } = useSigned();
  const u = useStore(unit);
  const z = useStore(zone);
  const [range, setRange] = useState<Range | null>(null);
  const [zoom, setZoom] = useState<Window | null>(null);
  const [view, setView] = useState<"chart" | "table">("chart");
  const [all, setAll] = useState(false);
  const [now, setNow] = useState(Date.now());
  const table = useStore(quantities);
  const { first, more } = plotted(shipment, compliance);
  const metrics = all ? [...first, ...more] : first;
  const names = metrics.join(",");

  const whole = wholeWindow(shipment, now);
  const last = shipment.last ? Date.parse(shipment.last.time) : undefined;
  const chosen = range ?? defaultRange(whole, last);
  const window = zoom ?? windowOf(chosen, whole, last);
  const every = everyFor(window);
  const choice = zoom ? `${zoom.from}-${zoom.to}` : chosen;

  const readings = useResource(`${shipment.id} ${choice} ${names}`, async (signal) => {
    const answer = await api.telemetry(
      shipment.id,
      {
        from: new Date(window.from).toISOString(),
        to: new Date(window.to).toISOString(),
        fields: metrics,
        ...(every ? { every } : {}),
      },
      signal,
    );
    return { ...answer, window, metrics };
  });

  // Live: a burst of readings makes one request.
  const refresh = useThrottled(() => {
    setNow(Date.now());
    readings.reload();
  }, 3_000);
  useEffect(() => {
    if (pulse > 0 && !zoom) refresh();
  }, [pulse]);

  const maxGapMs = (compliance?.rule_set?.max_gap_s ?? 0) * 1000 || fallbackGapMs;
  const shown = readings.data;
  const charts = useMemo(() => {
    if (!shown) return [];
    return shown.metrics
      .map((metric) => ({
        columns: columnsOf(shown.items, metric, maxGapMs, shown.window, (v) => convert(metric, v, u)),
        limits: limitsOf(compliance?.rule_set, metric, u),
        excursions: excursionsOf(compliance, metric, shown.window.to),
      }))
      .filter((c) => c.columns.x.length > 0 || c.limits.length > 0);
  }, [shown, compliance, maxGapMs, u, table]);
  const empty = charts.every((c) => c.columns.x.length === 0);

  return (
    <section class="card" aria-labelledby="readings-title">
      <div class="card-head">
        <h2 id="readings-title">Readings</h2>
        <p class="muted card-note">
          {shown && (
            <>
              {formatDateTime(shown.window.from, z)} to {formatDateTime(shown.window.to, z)}
              <span class="zone"> {zoneName(z)}</span>
            </>
          )}
        </p>
        <div class="tools">
          {zoom && (
            <button type="button" class="button small" onClick={() => setZoom(null)}>
              <Icon name="back" /> Reset zoom
            </button>
          )}
          <Segments
            label="Time range"
            value={zoom ? ("" as Range) : chosen}
            options={usefulRanges(whole, last).map((r) => ({ value: r, ...(rangeWords[r] ?? { label: r }) }))}
            onChange={(r) => {
              setZoom(null);
              setNow(Date.now());
              setRange(r);
            }}
          />
          <Segments
            label="View"
            value={view}
            options={[
              { value: "chart", label: "Chart" },
              { value: "table", label: "Table" },
            ]}
            onChange={setView}
          />
        </div>
      </div>

      {readings.problem && <Trouble problem={readings.problem} retry={readings.reload} stale={shown !== undefined} />}
      {!shown && readings.loading && <Loading label="Loading readings" rows={6} />}
      {shown?.cut && (
        <p class="note">
          <Icon name="warn" /> There are too many readings for one page. Only the first part of this window is shown.
        </p>
      )}
      {shown && empty && (
        <Empty icon="chart" title="No readings in this window">
          {shipment.assignments?.length ? "The trackers reported nothing in this time." : "Assign a tracker to see readings."}
        </Empty>
      )}
      {shown && !empty && view === "chart" && (
        <div class="charts">
          {charts.map(({ columns, limits, excursions }) => (
            <div class="chart" key={columns.metric}>
              <h3>
                {labelOf(columns.metric)} <span class="muted">{unitOf(columns.metric, u)}</span>
                <Legend columns={columns} />
              </h3>
              <Plot
                columns={columns}
                limits={limits}
                excursions={excursions}
                window={shown.window}
                height={heights[columns.metric] ?? 160}
                unit={u}
                zone={z}
                summary={summaryOf(columns, u, excursions.length)}
                onZoom={setZoom}
              />
            </div>
          ))}
          <p class="key muted">
            <span><i class="key-excursion" /> excursion</span>
            <span><i class="key-gap" /> no data: unknown, never counted as in range</span>
            {every && <span><i class="key-band" /> lowest to highest in {every}; the line is the mean</span>}
            <span class="wide-only">Drag across a chart to zoom.</span>
          </p>
        </div>
      )}
      {shown && !empty && view === "table" && <ReadingsTable items={shown.items} metrics={shown.metrics} rules={compliance?.rule_set} />}
      {shown && more.length > 0 && (
        <p class="more">
          <button type="button" class="button small" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "Show fewer quantities" : `Show more: ${more.map(labelOf).join(", ").toLowerCase()}`}
          </button>
        </p>
      )}
    </section>
  );
}

function Legend({ columns }: { columns: Columns }) {
  if (columns.trackers.length < 2) return null;
  return (
    <span class="legend">
      {columns.trackers.map((t, n) => (
        <span key={t.tracker}>
          <i class={`swatch series-${(n % 4) + 1}`} /> {t.tracker}
        </span>
      ))}
    </span>
  );
}

function excursionsOf(compliance: Compliance | undefined, metric: string, until: number): Window[] {
  return (compliance?.excursions ?? [])
    .filter((e) => e.metric === metric && !e.allowed)
    .map((e) => ({ from: Date.parse(e.start), to: e.end ? Date.parse(e.end) : until }));
}
