// The view of one run: what it offers in each state, what it fetches, and what it does when somebody acts.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { api, ApiError } from "../api/client";
import type { RunRecord, SeriesPoint, Snapshot, State } from "../api/shapes";
import { follow, type Listener } from "../api/stream";
import { isRate } from "./Controls";
import { recordEveryMs, Run } from "./Run";

vi.mock("uplot", () => ({ default: class { setData() {} setSeries() {} setSize() {} destroy() {} batch(all: () => void) { all(); } } }));
vi.mock("../api/stream", () => ({ follow: vi.fn() }));

let place: HTMLElement;
let root: Root;
let listener: Listener;
const changed = vi.fn();
const retryNow = vi.fn();
beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.mocked(follow).mockReset().mockImplementation((_, given) => { listener = given; return { close() {}, retryNow }; });
  vi.spyOn(api, "act").mockResolvedValue({});
  vi.spyOn(api, "scale").mockResolvedValue({});
  place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
});
afterEach(() => { act(() => root.unmount()); place.remove(); vi.restoreAllMocks(); vi.unstubAllGlobals(); vi.useRealTimers(); });

const record = (state: State, part: Partial<RunRecord> = {}): RunRecord => ({
  run_id: "r", id: 3, name: "journey", test_type: "load", status: "running", state, exit_code: null, started_at: "2026-11-21T10:00:00Z", elapsed_s: 9, load: "20 VUs", target: null, tags: {}, steps: [], phases: [],
  checks: [], thresholds: [], errors: [], validity: null, resources: { generator: null, target: null }, ...part,
}) as unknown as RunRecord;
const points = (from: number, to: number): SeriesPoint[] =>
  Array.from({ length: to - from }, (_, i) => ({ second: from + i, rate_per_s: 1, error_ratio: 0, p50_ms: null, p95_ms: null, p99_ms: null }));

async function open(given: RunRecord, stored: SeriesPoint[] = []) {
  const asked = vi.spyOn(api, "run").mockResolvedValue(given);
  const series = vi.spyOn(api, "series").mockResolvedValue(stored);
  await act(async () => { root.render(<Run id="r" memoryTotalBytes={null} isServerGone={false} onChanged={changed} />); });
  return { asked, series };
}
async function tell(seq: number, part: Partial<Snapshot>) {
  const data = { at_s: seq, interval_s: 1, rate_per_s: seq, error_ratio: 0, state: "RUNNING", vus: 20, in_flight: 1, totals: { requests: seq, failed: 0, dropped: 0 }, steps: [], thresholds: [], checks: [], errors: [], generator: null, target: null, ...part } as unknown as Snapshot;
  await act(async () => { listener.onMessage({ v: 1, run_id: "r", seq, type: "snapshot", data }); });
}
const button = (text: string) => [...place.querySelectorAll("button")].find((one) => one.textContent === text);
const click = (text: string) => act(async () => { button(text)?.click(); });

test("each state offers what can be done in it", async () => {
  await open(record("QUEUED"));
  expect([place.textContent?.includes("waits for its turn"), button("Take from the queue"), button("Pause"), place.querySelectorAll(".chart").length]).toEqual([true, expect.anything(), undefined, 0]);
  act(() => root.unmount());
  root = createRoot(place);
  await open(record("COMPLETED", { status: "finished", exit_code: 0 }));
  expect([button("Stop"), button("html"), button("Delete")]).toEqual([undefined, expect.anything(), expect.anything()]);
  expect(follow).toHaveBeenCalledTimes(1);
});

test("a load test is paused, taken up, scaled and stopped; a search is only stopped", async () => {
  await open(record("RUNNING"));
  await click("Pause");
  await tell(1, { state: "PAUSED" });
  await click("Resume");
  const field = place.querySelector(".scale input") as HTMLInputElement;
  const put = (text: string) => act(() => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  put("2.5");
  expect(button("Set users")?.disabled).toBe(true);
  put("7");
  await click("Set users");
  await click("Stop");
  expect(vi.mocked(api.act).mock.calls).toEqual([["r", "pause"], ["r", "resume"], ["r", "stop"]]);
  expect(vi.mocked(api.scale).mock.calls).toEqual([["r", { users: 7 }]]);
  act(() => root.unmount());
  root = createRoot(place);
  await open(record("STRESS_BINARY_SEARCH", { test_type: "stress", load: "probes from 10/s" }));
  expect([button("Pause"), place.querySelector(".scale"), button("Stop")]).toEqual([undefined, null, expect.anything()]);
});

test("a rate is scaled as a rate, users as users", () => {
  expect(["200/s", "20 VUs", "1 VU", "20 VUs + 200/s", "12/m", ""].map(isRate)).toEqual([true, false, false, false, true, false]);
});

test("what the server refuses is said and can be closed", async () => {
  vi.mocked(api.act).mockRejectedValue(new ApiError(409, "conflict", "the run has ended already"));
  await open(record("RUNNING"));
  await click("Stop");
  expect(place.textContent).toContain("the run has ended already");
  await click("Close");
  expect(place.textContent).not.toContain("the run has ended already");
});

test("the past is fetched once at the beginning, and again only when it is looked at and the stream has dropped it", async () => {
  const { series } = await open(record("RUNNING", { totals: {} } as Partial<RunRecord>), points(0, 9));
  // Its record is there, so that messages alone do not read it again.
  for (let at = 10; at <= 400; at += 1) await tell(at, { rate_per_s: at });
  expect(series).toHaveBeenCalledTimes(1);
  series.mockResolvedValue(points(0, 395));
  await click("Whole run");
  await act(async () => { await vi.advanceTimersByTimeAsync(2_500); });
  expect(series).toHaveBeenCalledTimes(2);
  await act(async () => { await vi.advanceTimersByTimeAsync(60_000); });
  expect(series).toHaveBeenCalledTimes(2);
  await act(async () => { listener.onGap(); });
  expect(series).toHaveBeenCalledTimes(3);
});

test("a broken stream says when it is tried again, and coming back reads the record again", async () => {
  const { asked } = await open(record("RUNNING"));
  await act(async () => { listener.onLink({ isLinked: false, nextAttemptMs: Date.now() + 4_000 }); });
  expect(place.textContent).toContain("The page tries again in 4 s");
  await click("Reconnect now");
  expect(retryNow).toHaveBeenCalledOnce();
  const before = asked.mock.calls.length;
  asked.mockResolvedValue(record("INTERRUPTED", { status: "interrupted" }));
  await act(async () => { listener.onLink({ isLinked: true, nextAttemptMs: null }); });
  expect(asked.mock.calls.length).toBeGreaterThan(before);
  expect([place.textContent?.includes("Disconnected"), place.querySelector(".chip")?.textContent]).toEqual([false, "interrupted"]);
});

test("a run that has just begun is read again with each message until its record is there", async () => {
  const { asked } = await open(record("RUNNING"));
  const before = asked.mock.calls.length;
  await tell(1, {});
  asked.mockResolvedValue(record("RUNNING", { totals: { requests: 1 } } as Partial<RunRecord>));
  await tell(2, {});
  await tell(3, {});
  expect(asked.mock.calls.length).toBe(before + 2);
});

test("why a run made no load is said", async () => {
  await open(record("ERROR", { error: { message: "the target does not answer", hint: "start it" } }));
  expect(place.textContent).toContain("This run made no load: the target does not answer. start it");
});

test("the record of a long run is read more seldom", () => {
  expect([0, 299, 300, 1_799, 1_800, 30_000].map(recordEveryMs)).toEqual([3_000, 3_000, 10_000, 10_000, 60_000, 60_000]);
});
