// What is kept of a live stream, and how it joins what is stored.
import { expect, test } from "vitest";
import type { Message, Probe, Snapshot } from "../api/shapes";
import { afterMessage, errorLimits, joined, LIVE_POINTS, NOTHING_LIVE, stateOf, timeLimits, type Point } from "./run";

const snapshot = (at_s: number): Message => ({
  v: 1, run_id: "r", seq: at_s, type: "snapshot",
  data: { at_s, rate_per_s: 10, error_ratio: 0, p50_ms: 1, p95_ms: null, p99_ms: null, in_flight: 1, vus: 2, target: { cpu_percent: 50, memory_bytes: 1 }, generator: null } as Snapshot,
});
const point = (t: number): Point => ({ t, rate: t, errors: 0, p50: null, p95: null, p99: null, inFlight: null, vus: null });

test("a live run keeps its last 300 points and nothing older", () => {
  let live = NOTHING_LIVE;
  for (let i = 1; i <= LIVE_POINTS + 20; i += 1) live = afterMessage(live, snapshot(i));
  expect(live.points.length).toBe(LIVE_POINTS);
  expect([live.points[0]?.t, live.points.at(-1)?.t]).toEqual([21, LIVE_POINTS + 20]);
  expect([live.target.length, live.generator.length]).toEqual([LIVE_POINTS, 0]);
});

test("a message that comes twice counts once", () => {
  const once = afterMessage(NOTHING_LIVE, snapshot(3));
  expect(afterMessage(once, snapshot(3))).toBe(once);
  const probe = (number: number, load: number): Message => ({ v: 1, run_id: "r", seq: 1, type: "probe", data: { number, offered_per_s: load } as Probe });
  const live = [probe(2, 20), probe(1, 10), probe(2, 25)].reduce(afterMessage, NOTHING_LIVE);
  expect(live.probes.map((p) => [p.number, p.offered_per_s])).toEqual([[1, 10], [2, 25]]);
});

test("stored points end where the live ones begin", () => {
  expect(joined([point(1), point(2), point(3)], [point(2.5), point(3)]).map((p) => p.t)).toEqual([1, 2, 2.5, 3]);
  expect(joined([point(1)], []).length).toBe(1);
});

test("limits are drawn only of thresholds on all requests", () => {
  const thresholds = ["http_req_duration: p(95)<60", "http_req_duration{task:a}: p(95)<10", "http_req_failed: rate<0.01"].map((expression) => ({ expression }));
  expect(timeLimits(thresholds)).toEqual([{ label: "p(95) < 60 ms", value: 60 }]);
  expect(errorLimits(thresholds)).toEqual([{ label: "limit 1 %", value: 1 }]);
});

test("a record without a state has that of its status", () => {
  expect(stateOf({ status: "finished", exit_code: 0 })).toBe("COMPLETED");
  expect(stateOf({ status: "aborted", exit_code: 99 })).toBe("ERROR");
  expect(stateOf({ status: "finished", exit_code: 0, state: "STOPPED" })).toBe("STOPPED");
});
