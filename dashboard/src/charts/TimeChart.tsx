// A chart over the time of a run: a thin coat around uPlot. Phases are bands, limits are lines, events are marks; the cursors of all
// charts on a page move together, and dragging across one zooms all.

import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import { axisTime } from "../model/figures";
import { colour, useTheme } from "./theme";
import { drawBands, drawLimits, drawMarks, type Band, type Limit, type Mark } from "./overlays";

export interface Line {
  label: string;
  /** A colour's name in style.css. */
  tint: string;
  values: (number | null)[];
  filled?: boolean;
  dashed?: boolean;
}

export type Range = [number, number] | null;

interface Props {
  title: string;
  times: number[];
  lines: Line[];
  show: (value: number | null | undefined) => string;
  bands?: Band[];
  limits?: Limit[];
  marks?: Mark[];
  range: Range;
  onZoom: (range: Range) => void;
  /** The smallest upper end of the axis, so that noise near zero does not fill the chart. */
  least?: number;
}

const HEIGHT = 190;
const SYNC = "run";

export function TimeChart(props: Props) {
  const { title, times, lines, show } = props;
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const theme = useTheme();
  const [hidden, setHidden] = useState<string[]>([]);
  const [cursor, setCursor] = useState<number | null>(null);
  const shape = lines.map((line) => line.label).join("|");

  useEffect(() => {
    const place = holder.current;
    if (!place) return;
    const made = new uPlot(options(latest, place.clientWidth, setCursor), data(latest.current), place);
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: place.clientWidth, height: HEIGHT }));
    watcher.observe(place);
    return () => { watcher.disconnect(); made.destroy(); plot.current = null; };
  }, [theme, shape]);

  useEffect(() => {
    const made = plot.current;
    if (!made) return;
    made.batch(() => {
      made.setData(data(latest.current), true);
      lines.forEach((line, i) => made.setSeries(i + 1, { show: !hidden.includes(line.label) }, false));
    });
  });

  const at = cursor !== null && cursor < times.length ? cursor : times.length - 1;
  const toggle = (label: string) =>
    setHidden((now) => (now.includes(label) ? now.filter((other) => other !== label) : [...now, label]));
  const summary = lines.map((line) => `${line.label} ${show(line.values.at(-1))}`).join(", ");
  return (
    <section className="card chart">
      <header>
        <h3>{title}{times.length > 0 && cursor !== null && <span className="note"> at {axisTime(times[at] ?? 0)}</span>}</h3>
        <div className="legend">
          {lines.map((line) => (
            <button key={line.label} type="button" aria-pressed={!hidden.includes(line.label)}
              title={`Show or hide ${line.label}`} onClick={() => toggle(line.label)}>
              <i className={`swatch tint-${line.tint}${line.dashed ? " dashed" : ""}`} />
              {line.label} <b>{show(line.values[at])}</b>
            </button>
          ))}
        </div>
      </header>
      <div ref={holder} className={times.length > 0 ? "plot" : "plot blank"} role="img" tabIndex={0} aria-label={`${title} over time; latest: ${summary}. Arrows move the cursor, + and − zoom, Escape shows all.`}
        onKeyDown={(event) => { if (plot.current && onKey(plot.current, event.key, props, at)) event.preventDefault(); }} />
      {times.length === 0 && <p className="over-plot">No points yet: they come with the first second of load.</p>}
    </section>
  );
}

/** Does what a key asks for; whether it asked for anything. */
function onKey(plot: uPlot, key: string, props: Props, at: number): boolean {
  const { times, range, onZoom } = props;
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined) return false;
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const next = Math.min(times.length - 1, Math.max(0, at + (key === "ArrowLeft" ? -1 : 1)));
    plot.setCursor({ left: plot.valToPos(times[next] ?? 0, "x"), top: 10 });
    return true;
  }
  const wanted = zoomed(key, range ?? [first, last], [first, last], times[at] ?? first);
  if (wanted === undefined) return false;
  onZoom(wanted);
  return true;
}

function data(props: Props): uPlot.AlignedData {
  return [props.times, ...props.lines.map((line) => line.values)] as uPlot.AlignedData;
}

function options(
  latest: { current: Props }, width: number, onCursor: (index: number | null) => void,
): uPlot.Options {
  const text = colour("muted");
  const grid = { stroke: colour("grid"), width: 1 };
  const font = "12px system-ui, sans-serif";
  return {
    width, height: HEIGHT,
    legend: { show: false },
    padding: [8, 20, 0, 0],
    cursor: {
      sync: { key: SYNC, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      bind: { dblclick: () => () => { latest.current.onZoom(null); return null; } },
    },
    scales: {
      x: { time: false, range: (_, low, high) => span(latest.current, low, high) },
      y: { range: (_, low, high) => height(latest.current, low, high) },
    },
    axes: [
      { stroke: text, font, grid, ticks: { show: false }, size: 28, space: 60, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200],
        values: (_, splits) => splits.map((t) => axisTime(t)) },
      { stroke: text, font, grid, ticks: { show: false }, size: 66, space: 34,
        values: (_, splits) => splits.map((value) => latest.current.show(value)) },
    ],
    series: [{}, ...latest.current.lines.map(series)],
    hooks: {
      drawClear: [(u) => drawBands(u, latest.current.bands ?? [])],
      draw: [
        (u) => drawLimits(u, latest.current.limits ?? []),
        (u) => drawMarks(u, latest.current.marks ?? []),
      ],
      setCursor: [(u) => onCursor(u.cursor.idx ?? null)],
      setSelect: [(u) => {
        if (u.select.width < 4) return;
        latest.current.onZoom([u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]);
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
}

/** The places of values without neighbours: no line goes through them, so they are drawn as dots. */
export function alone(values: ArrayLike<number | null | undefined>): number[] {
  const isThere = (index: number) => values[index] !== null && values[index] !== undefined;
  return Array.from({ length: values.length }, (_, index) => index).filter((index) => isThere(index) && !isThere(index - 1) && !isThere(index + 1));
}

/** The part of the chart that a key asks for: `undefined` when it asks for none. */
export function zoomed(key: string, range: [number, number], whole: [number, number], at: number): Range | undefined {
  if (key === "Escape" || key === "0") return null;
  if (key !== "+" && key !== "=" && key !== "-") return undefined;
  const factor = key === "-" ? 2 : 0.5;
  const from = Math.max(whole[0], at - (at - range[0]) * factor);
  const to = Math.min(whole[1], at + (range[1] - at) * factor);
  if (to - from < 2) return range;
  return from <= whole[0] && to >= whole[1] ? null : [from, to];
}

function series(line: Line): uPlot.Series {
  const stroke = colour(line.tint);
  return {
    label: line.label, stroke, width: 1.75, spanGaps: false,
    points: { show: true, size: 4, fill: stroke, filter: (u, index) => alone(u.data[index] ?? []) },
    ...(line.filled ? { fill: `${stroke}22` } : {}),
    ...(line.dashed ? { dash: [6, 4] } : {}),
  };
}

function span(props: Props, low: number | null, high: number | null): [number, number] {
  if (props.range) return props.range;
  const [from, to] = [low ?? 0, high ?? 10];
  return to > from ? [from, to] : [from, from + 10];
}

/** From zero: a bar that begins elsewhere makes small changes look large. Limits stay in view when they are near. */
function height(props: Props, _low: number | null, high: number | null): [number, number] {
  const top = Math.max(high ?? 0, props.least ?? 0);
  const near = (props.limits ?? []).map((limit) => limit.value).filter((value) => value <= top * 2);
  const most = Math.max(top, ...near);
  return [0, most > 0 ? most * 1.12 : 1];
}
