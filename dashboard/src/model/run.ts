// One run as the page shows it, whether it comes from the store, from the live stream or from both.

import type {
  End, LiveEvent, Message, Probe, ResourceSample, RunRecord, SeriesPoint, Snapshot, State,
} from "../api/shapes";

/// Points that are kept while a run goes on; the rest is in the store and fetched when somebody looks at it.
export const LIVE_POINTS = 300;
/// Events that are kept: each is a line across every chart.
const MOST_EVENTS = 100;

/** One moment of a run: `t` in seconds from its start. */
export interface Point {
  t: number;
  rate: number | null;
  errors: number | null;
  p50: number | null;
  p95: number | null;
  p99: number | null;
  inFlight: number | null;
  vus: number | null;
}

/** CPU of one core in percent and memory, at a moment. */
export interface UsagePoint { t: number; cpu: number; memory: number }

export interface Live {
  points: Point[];
  target: UsagePoint[];
  generator: UsagePoint[];
  last: Snapshot | null;
  events: LiveEvent[];
  probes: Probe[];
  end: End | null;
}

export const NOTHING_LIVE: Live = {
  points: [], target: [], generator: [], last: null, events: [], probes: [], end: null,
};

const keepLast = <T>(list: T[], item: T, most: number): T[] =>
  list.length >= most ? [...list.slice(list.length - most + 1), item] : [...list, item];

/** What is known of a live run after one more message. */
export function afterMessage(live: Live, message: Message): Live {
  switch (message.type) {
    case "snapshot": return afterSnapshot(live, message.data);
    case "event": return { ...live, events: keepLast(live.events, message.data, MOST_EVENTS) };
    case "probe": {
      const others = live.probes.filter((probe) => probe.number !== message.data.number);
      return { ...live, probes: [...others, message.data].sort((a, b) => a.number - b.number) };
    }
    case "end": return { ...live, end: message.data };
    default: return live;
  }
}

function afterSnapshot(live: Live, snapshot: Snapshot): Live {
  // A stream that was taken up again may say once more what is known.
  const latest = live.points.at(-1);
  if (latest && snapshot.at_s <= latest.t) return live;
  const use = (list: UsagePoint[], usage: Snapshot["target"]) =>
    usage ? keepLast(list, { t: snapshot.at_s, cpu: usage.cpu_percent, memory: usage.memory_bytes }, LIVE_POINTS) : list;
  const point: Point = {
    t: snapshot.at_s,
    rate: snapshot.rate_per_s,
    errors: snapshot.error_ratio,
    p50: snapshot.p50_ms,
    p95: snapshot.p95_ms,
    p99: snapshot.p99_ms,
    inFlight: snapshot.in_flight,
    vus: snapshot.vus,
  };
  return {
    ...live,
    last: snapshot,
    points: keepLast(live.points, point, LIVE_POINTS),
    target: use(live.target, snapshot.target),
    generator: use(live.generator, snapshot.generator),
  };
}

export function pointsOf(series: SeriesPoint[]): Point[] {
  return series.map((p) => ({
    t: p.second,
    rate: p.rate_per_s,
    errors: p.error_ratio,
    p50: p.p50_ms,
    p95: p.p95_ms,
    p99: p.p99_ms,
    inFlight: p.in_flight,
    vus: p.vus ?? null,
  }));
}

/** Stored points up to where the live ones begin, then those. */
export function joined(stored: Point[], live: Point[]): Point[] {
  const first = live[0];
  return first ? [...stored.filter((point) => point.t < first.t), ...live] : stored;
}

export function usageOf(samples: ResourceSample[] | undefined): UsagePoint[] {
  return (samples ?? []).map((s) => ({ t: s.at_s, cpu: s.cpu_percent, memory: s.memory_bytes }));
}

const ENDED: State[] = ["COMPLETED", "ERROR", "STOPPED", "INTERRUPTED"];

export function isOver(state: State): boolean { return ENDED.includes(state); }

/** The state of a run; a record of a file has only its status. */
export function stateOf(run: { state?: State | undefined; status: string; exit_code: number | null }): State {
  if (run.state) return run.state;
  switch (run.status) {
    case "running": return "RUNNING";
    case "finished": return "COMPLETED";
    case "interrupted": return "INTERRUPTED";
    default: return run.exit_code === 0 ? "STOPPED" : "ERROR";
  }
}

/** A line across a chart of response times for each threshold on a percentile of all requests. */
export function timeLimits(thresholds: { expression: string }[]): { label: string; value: number }[] {
  const limits: { label: string; value: number }[] = [];
  for (const { expression } of thresholds) {
    const found = /^http_req_(?:duration|response_time)\s*:\s*(p\(\d+(?:\.\d+)?\)|avg|med|max)\s*<=?\s*(\d+(?:\.\d+)?)$/.exec(expression.trim());
    if (found) limits.push({ label: `${found[1]} < ${found[2]} ms`, value: Number(found[2]) });
  }
  return limits;
}

/** The share of failures that a threshold on all requests allows, in percent. */
export function errorLimits(thresholds: { expression: string }[]): { label: string; value: number }[] {
  const limits: { label: string; value: number }[] = [];
  for (const { expression } of thresholds) {
    const found = /^http_req_failed\s*:\s*rate\s*<=?\s*(\d*\.?\d+)$/.exec(expression.trim());
    if (found) limits.push({ label: `limit ${Number(found[1]) * 100} %`, value: Number(found[1]) * 100 });
  }
  return limits;
}

/** What there is of a run, joined for the components. */
export interface RunModel {
  record: RunRecord;
  state: State;
  points: Point[];
  target: UsagePoint[];
  generator: UsagePoint[];
  events: LiveEvent[];
  probes: Probe[];
  /** The latest snapshot of a run that goes on; null once its record is final. */
  snapshot: Snapshot | null;
  memoryTotalBytes: number | null;
}

/** The record, the stored series and the live stream of a run as one. */
export function modelOf(
  record: RunRecord, stored: Point[], live: Live, memoryTotalBytes: number | null,
): RunModel {
  const state = live.end?.state ?? live.last?.state ?? stateOf(record);
  const isLive = !isOver(stateOf(record));
  const snapshot = isLive ? live.last ?? record.live ?? null : null;
  const samples = (own: "target" | "generator") => {
    const stored = usageOf(record.resources?.[own]?.samples);
    return stored.length > live[own].length ? stored : live[own];
  };
  const probes = (record.probes?.length ?? 0) >= live.probes.length ? record.probes ?? [] : live.probes;
  return {
    record, state, snapshot, probes, memoryTotalBytes,
    points: isLive ? joined(stored, live.points) : stored.length > 0 ? stored : live.points,
    target: samples("target"),
    generator: samples("generator"),
    events: live.events,
  };
}
