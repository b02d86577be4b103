// What is kept of a live stream, and how it joins what is stored.
import { expect, test } from "vitest";
import type { Message, Probe, RunRecord, Snapshot } from "../api/shapes";
import { afterMessage, allEvents, errorLimits, isTorn, joined, LIVE_POINTS, modelOf, NOTHING_LIVE, stateOf, timeLimits, type Point } from "./run";

const snapshot = (at_s: number): Message => ({
  v: 1, run_id: "r", seq: at_s, type: "snapshot",
  data: { at_s, interval_s: 1, rate_per_s: at_s, error_ratio: 0, p50_ms: 1, p95_ms: null, p99_ms: null, in_flight: 1, vus: 2, target: { cpu_percent: 50, memory_bytes: 1 }, generator: null } as Snapshot,
});
const point = (t: number): Point => ({ t, rate: t, errors: 0, p50: null, p95: null, p99: null, inFlight: null, vus: null });

test("a live run keeps its last 300 points and nothing older", () => {
  let live = NOTHING_LIVE;
  for (let i = 1; i <= LIVE_POINTS + 20; i += 1) live = afterMessage(live, snapshot(i));
  expect(live.points.length).toBe(LIVE_POINTS);
  expect([live.points[0]?.t, live.points.at(-1)?.t]).toEqual([20.5, LIVE_POINTS + 19.5]);
  expect([live.target.length, live.generator.length]).toEqual([LIVE_POINTS, 0]);
});

test("a message that comes twice counts once", () => {
  const once = afterMessage(NOTHING_LIVE, snapshot(3));
  expect(afterMessage(once, snapshot(3))).toBe(once);
  const probe = (number: number, load: number): Message => ({ v: 1, run_id: "r", seq: 1, type: "probe", data: { number, offered_per_s: load } as Probe });
  const live = [probe(2, 20), probe(1, 10), probe(2, 25)].reduce(afterMessage, NOTHING_LIVE);
  expect(live.probes.map((p) => [p.number, p.offered_per_s])).toEqual([[1, 10], [2, 25]]);
});

test("figures that are told again half a second later are no new point", () => {
  const half = (at_s: number, rate: number): Message => {
    const message = snapshot(at_s);
    return { ...message, data: { ...(message.data as Snapshot), rate_per_s: rate } } as Message;
  };
  const live = [half(1, 8), half(1.5, 8), half(2, 8), half(2.5, 9)].reduce(afterMessage, NOTHING_LIVE);
  expect(live.points.map((p) => [p.t, p.rate])).toEqual([[0.5, 8], [2, 9]]);
  expect([live.last?.at_s, live.seq]).toEqual([2.5, 2.5]);
});

test("stored points end where the live ones begin, and mend what a broken stream left out", () => {
  const times = (stored: number[], live: number[]) => joined(stored.map(point), live.map(point)).map((p) => p.t);
  expect(times([0.5, 1.5, 2.5], [2.5, 3.5])).toEqual([0.5, 1.5, 2.5, 3.5]);
  expect(times([0.5], [])).toEqual([0.5]);
  expect(times([1.5, 2.5, 3.5, 4.5, 5.5, 6.5], [2.5, 6.5, 7.5])).toEqual([1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
  expect([isTorn([point(5.5)], [point(6.5)]), isTorn([point(5.5)], [point(60)]), isTorn([], [point(60)]), isTorn([], [])]).toEqual([false, true, true, false]);
});

test("an event that the record and the stream both tell is one", () => {
  const event = (at_s: number, text: string) => ({ at_s, kind: "scaled", text });
  expect(allEvents([event(3, "20 users")], [event(3.001, "20 users"), event(1, "10 users")]).map((e) => e.text)).toEqual(["10 users", "20 users"]);
});

test("a run whose server died while it was watched is no longer under way", () => {
  const live = afterMessage(NOTHING_LIVE, { ...snapshot(3), data: { ...(snapshot(3).data as Snapshot), state: "RUNNING" } } as Message);
  const record = { status: "interrupted", exit_code: null, state: "INTERRUPTED" } as unknown as RunRecord;
  expect([modelOf(record, [], live, null).state, modelOf(record, [], live, null).snapshot]).toEqual(["INTERRUPTED", null]);
});

test("limits are drawn only of thresholds on all requests", () => {
  const thresholds = ["http_req_duration: p(95)<60", "http_req_duration{task:a}: p(95)<10", "http_req_failed: rate<0.01"].map((expression) => ({ expression }));
  expect(timeLimits(thresholds)).toEqual([{ label: "p(95) < 60 ms", value: 60 }]);
  expect(errorLimits(thresholds)).toEqual([{ label: "limit 1 %", value: 1 }]);
});

test("a record without a state has that of its status", () => {
  expect(stateOf({ status: "finished", exit_code: 0 })).toBe("COMPLETED");
  expect(stateOf({ status: "aborted", exit_code: 99 })).toBe("STOPPED");
  expect(stateOf({ status: "aborted", exit_code: 107 })).toBe("ERROR");
  expect(stateOf({ status: "queued", exit_code: null })).toBe("QUEUED");
  expect(stateOf({ status: "finished", exit_code: 0, state: "STOPPED" })).toBe("STOPPED");
});
