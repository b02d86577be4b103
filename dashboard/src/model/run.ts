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
  /** The number of the message that `last` came with. */
  seq: number;
}

export const NOTHING_LIVE: Live = {
  points: [], target: [], generator: [], last: null, events: [], probes: [], end: null, seq: 0,
};

const keepLast = <T>(list: T[], item: T, most: number): T[] =>
  list.length >= most ? [...list.slice(list.length - most + 1), item] : [...list, item];

/** What is known of a live run after one more message. */
export function afterMessage(live: Live, message: Message): Live {
  switch (message.type) {
    case "snapshot": return afterSnapshot(live, message.data, message.seq);
    case "event": return { ...live, events: allEvents(live.events, [message.data]) };
    case "probe": {
      const others = live.probes.filter((probe) => probe.number !== message.data.number);
      return { ...live, probes: [...others, message.data].sort((a, b) => a.number - b.number) };
    }
    case "end": return { ...live, end: message.data };
    default: return live;
  }
}

/** Events of the record and of the stream, each once, in the order of time. */
export function allEvents(stored: LiveEvent[], live: LiveEvent[]): LiveEvent[] {
  const isNew = (event: LiveEvent) => !stored.some((other) => other.kind === event.kind && other.text === event.text && Math.abs(other.at_s - event.at_s) < 0.01);
  return [...stored, ...live.filter(isNew)].sort((a, b) => a.at_s - b.at_s).slice(-MOST_EVENTS);
}

function afterSnapshot(live: Live, snapshot: Snapshot, seq: number): Live {
  // A stream that was taken up again may say once more what is known.
  if (live.last && snapshot.at_s <= live.last.at_s) return live;
  if (live.last && isRepeat(live.last, snapshot)) return { ...live, last: snapshot, seq };
  const use = (list: UsagePoint[], usage: Snapshot["target"]) =>
    usage ? keepLast(list, { t: snapshot.at_s, cpu: usage.cpu_percent, memory: usage.memory_bytes }, LIVE_POINTS) : list;
  const point: Point = {
    t: snapshot.at_s - snapshot.interval_s / 2,
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
    seq,
    points: keepLast(live.points, point, LIVE_POINTS),
    target: use(live.target, snapshot.target),
    generator: use(live.generator, snapshot.generator),
  };
}

/** The same figures a moment later: only time has gone on, and a second point would draw a step. */
function isRepeat(before: Snapshot, now: Snapshot): boolean {
  return now.at_s - before.at_s < 0.75 * now.interval_s && now.totals?.requests === before.totals?.requests
    && (["rate_per_s", "error_ratio", "p50_ms", "p95_ms", "p99_ms"] as const).every((key) => now[key] === before[key]);
}

/** Each point stands in the middle of its second, as those of the live stream do. */
export function pointsOf(series: SeriesPoint[]): Point[] {
  return series.map((p) => ({
    t: p.second + 0.5,
    rate: p.rate_per_s,
    errors: p.error_ratio,
    p50: p.p50_ms,
    p95: p.p95_ms,
    p99: p.p99_ms,
    inFlight: p.in_flight ?? null,
    vus: p.vus ?? null,
  }));
}

/// Live points that are further apart than this have something missing between them, which the store may know.
const GAP_S = 2.5;

/** Stored points up to where the live ones begin, then those; stored ones also where a broken stream left a gap. */
export function joined(stored: Point[], live: Point[]): Point[] {
  const first = live[0];
  if (!first) return stored;
  const all = stored.filter((point) => point.t < first.t - 0.5);
  live.forEach((point, index) => {
    const before = live[index - 1];
    if (before && point.t - before.t > GAP_S) all.push(...stored.filter((p) => p.t > before.t + 0.5 && p.t < point.t - 0.5));
    all.push(point);
  });
  return all;
}

/** Whether the store has to be asked for what lies between its last point and the first live one. */
export function isTorn(stored: Point[], live: Point[]): boolean {
  const [last, first] = [stored.at(-1), live[0]];
  return first !== undefined && first.t - (last?.t ?? 0) > GAP_S;
}

export function usageOf(samples: ResourceSample[] | undefined): UsagePoint[] {
  return (samples ?? []).map((s) => ({ t: s.at_s, cpu: s.cpu_percent, memory: s.memory_bytes }));
}

/** Why a run never began; null when it did. */
export function reasonOf(error: RunRecord["error"]): string | null {
  if (!error) return null;
  return typeof error === "string" ? error : [error.message, error.hint].filter(Boolean).join(". ");
}

/** A state as people say it. */
export function stateWord(state: State): string {
  return state === "STRESS_BINARY_SEARCH" ? "searching" : state.replaceAll("_", " ").toLowerCase();
}

const ENDED: State[] = ["COMPLETED", "ERROR", "STOPPED", "INTERRUPTED"];

export function isOver(state: State): boolean { return ENDED.includes(state); }

/// Exit codes of runs that an error ended; any other early end was asked for, by somebody or by a threshold.
const ERRORS = [104, 107, 109];

/** The state of a run; a record of a file has only its status. */
export function stateOf(run: { state?: State | undefined; status: string; exit_code: number | null }): State {
  if (run.state) return run.state;
  switch (run.status) {
    case "queued": return "QUEUED";
    case "running": return "RUNNING";
    case "finished": return "COMPLETED";
    case "interrupted": return "INTERRUPTED";
    default: return run.exit_code !== null && ERRORS.includes(run.exit_code) ? "ERROR" : "STOPPED";
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
  /** The number of the live message that `snapshot` came with; 0 without one. */
  seq: number;
}

/** The record, the stored series and the live stream of a run as one; without `isWhole` the charts have its end only. */
export function modelOf(
  record: RunRecord, stored: Point[], live: Live, memoryTotalBytes: number | null, isWhole = true,
): RunModel {
  const isLive = !isOver(stateOf(record));
  const state = live.end?.state ?? (isLive ? live.last?.state : undefined) ?? stateOf(record);
  const snapshot = isLive ? live.last ?? record.live ?? null : null;
  const samples = (own: "target" | "generator") => {
    const stored = usageOf(record.resources?.[own]?.samples);
    return stored.length > live[own].length ? stored : live[own];
  };
  const probes = (record.probes?.length ?? 0) >= live.probes.length ? record.probes ?? [] : live.probes;
  const all = isLive ? joined(stored, live.points) : stored.length > 0 ? stored : live.points;
  return {
    record, state, snapshot, probes, memoryTotalBytes,
    seq: live.seq,
    points: isWhole ? all : all.slice(-LIVE_POINTS),
    target: samples("target"),
    generator: samples("generator"),
    events: allEvents(record.events ?? [], live.events),
  };
}
