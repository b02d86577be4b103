// What lies over and under the lines of a chart: bands of phases, lines of limits, marks of events.

import type uPlot from "uplot";
import { colour } from "./theme";

export interface Band { label: string; from: number; to: number }
export interface Limit { label: string; value: number }
export interface Mark { label: string; at: number }

const FONT = "11px system-ui, sans-serif";

function prepare(u: uPlot): { ratio: number; ctx: CanvasRenderingContext2D; left: number; top: number; width: number; height: number } {
  const ratio = devicePixelRatio || 1;
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  u.ctx.font = FONT.replace("11px", `${11 * ratio}px`);
  u.ctx.textBaseline = "top";
  u.ctx.textAlign = "left";
  u.ctx.setTransform(1, 0, 0, 1, 0, 0);
  return { ratio, ctx: u.ctx, left, top, width, height };
}

/** Every other phase is shaded; each has its name at its top when that fits. */
export function drawBands(u: uPlot, bands: Band[]): void {
  if (bands.length < 2) return;
  const { ratio, ctx, top, height } = prepare(u);
  bands.forEach((band, index) => {
    const [from, to] = [u.valToPos(band.from, "x", true), u.valToPos(band.to, "x", true)];
    if (index % 2 === 1) {
      ctx.fillStyle = colour("band");
      ctx.fillRect(from, top, to - from, height);
    }
    ctx.fillStyle = colour("muted");
    const start = Math.max(from, u.bbox.left) + 4 * ratio;
    if (ctx.measureText(band.label).width + start < to) ctx.fillText(band.label, start, top + 3 * ratio);
  });
  ctx.restore();
}

interface Place { x: number; y: number; align: CanvasTextAlign; ratio: number }

/** Text on a plate in the colour of the card, so that lines under it do not run through it. */
function label(ctx: CanvasRenderingContext2D, words: string, place: Place): void {
  const { x, y, align, ratio } = place;
  const width = ctx.measureText(words).width;
  const ink = ctx.fillStyle;
  ctx.fillStyle = colour("card");
  ctx.globalAlpha = 0.82;
  ctx.fillRect((align === "right" ? x - width : x) - 2 * ratio, y - ratio, width + 4 * ratio, 14 * ratio);
  ctx.globalAlpha = 1;
  ctx.fillStyle = ink;
  ctx.textAlign = align;
  ctx.fillText(words, x, y);
  ctx.textAlign = "left";
}

export function drawLimits(u: uPlot, limits: Limit[]): void {
  const { ratio, ctx, left, width, top } = prepare(u);
  for (const limit of limits) {
    const y = u.valToPos(limit.value, "y", true);
    if (y < top) continue;
    ctx.strokeStyle = ctx.fillStyle = colour("bad");
    ctx.lineWidth = ratio;
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    // Above the line where there is room for it: below it are the values that keep to the limit.
    const above = y - 15 * ratio;
    label(ctx, limit.label, { x: left + width - 4 * ratio, y: above > top + 14 * ratio ? above : y + 3 * ratio, align: "right", ratio });
  }
  ctx.restore();
}

/// Rows of labels at the bottom of a chart; what finds no place in them has its line alone.
const LABEL_ROWS = 3;

/** For each stretch the first row in which it overlaps nothing before it; -1 when there is none. */
export function rowsOf(stretches: [number, number][]): number[] {
  const taken: [number, number][][] = Array.from({ length: LABEL_ROWS }, () => []);
  return stretches.map(([from, to]) => {
    const row = taken.findIndex((others) => others.every(([start, end]) => to < start || from > end));
    taken[row]?.push([from, to]);
    return row;
  });
}

export function drawMarks(u: uPlot, marks: Mark[]): void {
  const { ratio, ctx, left, width, top, height } = prepare(u);
  const places = marks.map((mark) => {
    const [x, size] = [u.valToPos(mark.at, "x", true), ctx.measureText(mark.label).width + 8 * ratio];
    return { x, size, isLate: x + size > left + width };
  });
  const rows = rowsOf(places.map(({ x, size, isLate }) => (isLate ? [x - size, x] : [x, x + size])));
  // Lines first, so that none of them runs through a label.
  for (const { x } of places) {
    ctx.strokeStyle = ctx.fillStyle = colour("accent");
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  marks.forEach((mark, index) => {
    const [place, row] = [places[index], rows[index] ?? -1];
    if (!place || row < 0) return;
    const { x, isLate } = place;
    label(ctx, mark.label, { x: x + (isLate ? -5 : 5) * ratio, y: top + height - (17 + 15 * row) * ratio, align: isLate ? "right" : "left", ratio });
  });
  ctx.restore();
}
