import type uPlot from "uplot";
import type { Limit } from "./limits";
import type { Window } from "./window";

// Palette is read from the style sheet, so that the canvas follows light and dark.
export type Palette = {
  text: string;
  muted: string;
  grid: string;
  surface: string;
  bad: string;
  unsure: string;
  series: string[];
};

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: read("--text"),
    muted: read("--muted"),
    grid: read("--grid"),
    surface: read("--surface"),
    bad: read("--bad"),
    unsure: read("--unsure"),
    series: [1, 2, 3, 4].map((n) => read(`--series-${n}`)),
  };
}

// Lines differ by dash as well as by colour.
export const dashes: number[][] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

export const font = '11px "Inter Variable", system-ui, sans-serif';

export type Marks = { limits: Limit[]; gaps: Window[]; excursions: Window[] };

// underlay paints what lies behind the line: forbidden area and unknown time.
export function underlay(u: uPlot, palette: Palette, marks: Marks): void {
  const { ctx } = u;
  const box = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top, box.width, box.height);
  ctx.clip();

  ctx.fillStyle = palette.bad;
  ctx.globalAlpha = 0.07;
  for (const limit of marks.limits) {
    if (!limit.tightest) continue;
    const y = u.valToPos(limit.value, "y", true);
    if (limit.side === "upper") ctx.fillRect(box.left, box.top, box.width, y - box.top);
    else ctx.fillRect(box.left, y, box.width, box.top + box.height - y);
  }

  ctx.strokeStyle = palette.unsure;
  ctx.lineWidth = devicePixelRatio;
  for (const gap of marks.gaps) {
    const left = u.valToPos(gap.from / 1000, "x", true);
    const right = u.valToPos(gap.to / 1000, "x", true);
    ctx.globalAlpha = 0.08;
    ctx.fillStyle = palette.unsure;
    ctx.fillRect(left, box.top, right - left, box.height);
    ctx.globalAlpha = 0.35;
    hatch(ctx, left, box.top, right - left, box.height, 8 * devicePixelRatio);
  }
  ctx.restore();
}

function hatch(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, step: number): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.beginPath();
  for (let d = -h; d < w; d += step) {
    ctx.moveTo(x + d, y + h);
    ctx.lineTo(x + d + h, y);
  }
  ctx.stroke();
  ctx.restore();
}

// overlay paints limit lines with their words, the words of gaps, and the excursion bar on top.
export function overlay(u: uPlot, palette: Palette, marks: Marks): void {
  const { ctx } = u;
  const px = devicePixelRatio;
  const box = u.bbox;
  const right = box.left + box.width;
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, box.top - 6 * px, box.width, box.height + 6 * px);
  ctx.clip();
  ctx.font = font.replace("11px", `${11 * px}px`);
  ctx.textBaseline = "alphabetic";

  ctx.fillStyle = palette.bad;
  for (const excursion of marks.excursions) {
    const from = u.valToPos(excursion.from / 1000, "x", true);
    const to = u.valToPos(excursion.to / 1000, "x", true);
    ctx.fillRect(from, box.top - 5 * px, Math.max(to - from, 3 * px), 4 * px);
  }

  const written: { left: number; y: number }[] = [];
  for (const limit of marks.limits) {
    const y = u.valToPos(limit.value, "y", true);
    if (y < box.top || y > box.top + box.height) continue;
    ctx.strokeStyle = palette.bad;
    ctx.lineWidth = px;
    ctx.setLineDash([5 * px, 4 * px]);
    ctx.globalAlpha = 0.9;
    ctx.beginPath();
    ctx.moveTo(box.left, y);
    ctx.lineTo(right, y);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
    ctx.textAlign = "right";
    // Words stand on the forbidden side, or on the other when there is no room for them.
    const above = limit.side === "upper" ? y - box.top > 16 * px : box.top + box.height - y < 16 * px;
    const base = above ? y - 5 * px : y + 13 * px;
    // Limits close to each other have their words side by side.
    const end = Math.min(right - 6 * px, ...written.filter((w) => Math.abs(w.y - base) < 13 * px).map((w) => w.left - 12 * px));
    written.push({ left: end - ctx.measureText(limit.label).width, y: base });
    label(ctx, limit.label, end, base, palette.bad, palette.surface, px);
  }

  ctx.textAlign = "center";
  for (const gap of marks.gaps) {
    const from = Math.max(u.valToPos(gap.from / 1000, "x", true), box.left);
    const to = Math.min(u.valToPos(gap.to / 1000, "x", true), right);
    if (to - from < 62 * px) continue;
    label(ctx, "unknown", (from + to) / 2, box.top + box.height / 2 + 4 * px, palette.unsure, palette.surface, px);
  }
  ctx.restore();
}

function label(ctx: CanvasRenderingContext2D, text: string, x: number, y: number, ink: string, halo: string, px: number): void {
  ctx.lineJoin = "round";
  ctx.lineWidth = 4 * px;
  ctx.strokeStyle = halo;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = ink;
  ctx.fillText(text, x, y);
}
