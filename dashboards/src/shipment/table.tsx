import type { Reading, RuleSetInfo } from "#rest";
import { isWindow, startOf } from "../chart/columns";
import { limitsOf, outOf } from "../chart/limits";
import { convert, formatNumber, labelOf, unitOf, type TemperatureUnit } from "../format/quantity";
import { formatSeconds, formatUtc } from "../format/time";
import { count } from "../format/words";
import { unit, zone } from "../settings";
import { useStore } from "../store";

const mostRows = 500;

// ReadingsTable is the chart for keyboards and screen readers: same data, newest first.
export function ReadingsTable({ items, metrics, rules }: { items: Reading[]; metrics: string[]; rules: RuleSetInfo | undefined }) {
  const u = useStore(unit);
  const z = useStore(zone);
  const rows = [...items].sort((a, b) => Date.parse(startOf(b)) - Date.parse(startOf(a)));
  const shown = rows.slice(0, mostRows);
  const windows = items.some(isWindow);
  return (
    <div>
      <div class="scroll tall" tabIndex={0} role="region" aria-label="Readings as a table">
        <table class="numbers">
          <caption class="hidden">
            Readings, newest first{windows ? ", as lowest, mean and highest of each period" : ""}
          </caption>
          <thead>
            <tr>
              <th scope="col">{windows ? "From" : "Time"}</th>
              <th scope="col">Tracker</th>
              {metrics.map((m) => (
                <th scope="col" class="right" key={m}>
                  {labelOf(m)} <span class="muted">{unitOf(m, u)}</span>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((item) => (
              <tr key={`${item.tracker} ${startOf(item)} ${isWindow(item) ? "" : item.leaf}`}>
                <td>
                  <time dateTime={startOf(item)} title={formatUtc(Date.parse(startOf(item)))}>
                    {formatSeconds(Date.parse(startOf(item)), z)}
                  </time>
                </td>
                <td>{item.tracker}</td>
                {metrics.map((m) => (
                  <td class="right" key={m}>
                    <Cell item={item} metric={m} rules={rules} u={u} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > mostRows && (
        <p class="note muted">Showing the newest {count(mostRows)} of {count(rows.length)} rows. Choose a shorter range to see the others.</p>
      )}
    </div>
  );
}

function Cell(props: { item: Reading; metric: string; rules: RuleSetInfo | undefined; u: TemperatureUnit }) {
  const { item, metric, u } = props;
  const limits = limitsOf(props.rules, metric, u);
  const show = (value: number | undefined) => (value === undefined ? null : convert(metric, value, u));
  if (isWindow(item)) {
    const [low, mid, high] = [show(item.min?.[metric]), show(item.mean?.[metric]), show(item.max?.[metric])];
    if (mid === null) return <span class="muted">no data</span>;
    const beyond = [low, mid, high].some((v) => v !== null && outOf(v, limits));
    return (
      <>
        {beyond && <Beyond />}
        {formatNumber(metric, mid)}{" "}
        <span class="muted">
          ({formatNumber(metric, low ?? mid)} to {formatNumber(metric, high ?? mid)})
        </span>
      </>
    );
  }
  const value = show(item.values?.[metric]);
  if (value === null) return <span class="muted">none</span>;
  return (
    <>
      {outOf(value, limits) && <Beyond />}
      {formatNumber(metric, value)}
    </>
  );
}

function Beyond() {
  return <span class="beyond">beyond limit </span>;
}
