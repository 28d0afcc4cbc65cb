import type uPlot from "uplot";
import { formatSeconds, formatUtc, type Zone } from "../format/time";
import { formatNumber } from "../format/quantity";
import { near, type Columns } from "./columns";
import { outOf, type Limit } from "./limits";

// Tooltip is plain DOM: it moves with every pointer event, which is no work for a component.
export class Tooltip {
  readonly element = document.createElement("div");
  private inside = false;

  constructor(
    private readonly columns: Columns,
    private readonly limits: Limit[],
    private readonly unit: string,
    private readonly zone: Zone,
  ) {
    this.element.className = "tooltip";
    this.element.hidden = true;
    this.element.setAttribute("aria-hidden", "true"); // the table view has the same
  }

  attach(u: uPlot): void {
    u.over.append(this.element);
    // Charts share one cursor; only the one under the pointer speaks.
    u.over.addEventListener("pointerenter", () => this.enter());
    u.over.addEventListener("pointerleave", () => {
      this.inside = false;
      this.element.hidden = true;
    });
  }

  enter(): void {
    this.inside = true;
  }

  get hovered(): boolean {
    return this.inside;
  }

  update(u: uPlot): void {
    const index = u.cursor.idx;
    const left = u.cursor.left ?? -1;
    if (!this.inside || index == null || left < 0) {
      this.element.hidden = true;
      return;
    }
    const ms = this.columns.x[index]! * 1000;
    const rows: Node[] = [
      row("tooltip-time", formatSeconds(ms, this.zone)),
      ...(this.zone === "utc" ? [] : [row("tooltip-utc", formatUtc(ms).replace(/\.\d+ /, " "))]),
    ];
    this.columns.trackers.forEach((tracker, n) => {
      const at = near(tracker.mid, index);
      const line = row("tooltip-value", "");
      const swatch = document.createElement("span");
      swatch.className = `swatch series-${(n % 4) + 1}`;
      const name = document.createElement("span");
      name.textContent = tracker.tracker;
      name.className = "tooltip-name";
      const value = document.createElement("strong");
      if (at === null) value.textContent = "no data";
      else {
        const mid = tracker.mid[at]!;
        const low = tracker.low[at]!;
        const high = tracker.high[at]!;
        value.textContent = `${formatNumber(this.columns.metric, mid)} ${this.unit}`;
        if (this.columns.windows && high !== low) {
          const span = document.createElement("span");
          span.className = "tooltip-span";
          span.textContent = `${formatNumber(this.columns.metric, low)} to ${formatNumber(this.columns.metric, high)}`;
          value.append(" ", span);
        }
        if (outOf(low, this.limits) || outOf(high, this.limits)) {
          const beyond = document.createElement("span");
          beyond.className = "tooltip-beyond";
          beyond.textContent = "beyond limit";
          value.append(" ", beyond);
        }
      }
      line.append(swatch, name, value);
      rows.push(line);
    });
    this.element.replaceChildren(...rows);
    this.element.hidden = false;

    const width = this.element.offsetWidth;
    const room = u.over.clientWidth;
    const beside = left + 14 + width > room ? left - 14 - width : left + 14;
    const x = Math.min(Math.max(beside, 0), Math.max(room - width, 0));
    const y = Math.max((u.cursor.top ?? 0) - this.element.offsetHeight - 10, -8);
    this.element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}

function row(className: string, text: string): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.textContent = text;
  return element;
}
