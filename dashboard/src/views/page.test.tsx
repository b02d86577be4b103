// Pieces of the page: order and filter of the history, the form, the way to a view, hostile text.
import { act } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RunRecord, RunRow } from "../api/shapes";
import { adoptToken, token } from "../api/client";
import { modelOf, NOTHING_LIVE } from "../model/run";
import { toneOf } from "../parts/Gauge";
import { Address } from "../parts/RunBody";
import { BenchTable, Checks, Errors, StepTable, Thresholds } from "../parts/Tables";
import { StressCard } from "../parts/StressCard";
import { overlaid } from "./Compare";
import { History, matching, sorted } from "./History";
import { routeOf } from "./route";
import { FIRST_WISH, requestOf } from "./Start";

const row = (part: Partial<RunRow>): RunRow => ({
  run_id: "r1", id: 1, status: "finished", name: "journey", test_type: "load", started_at: "2026-11-21T10:00:00Z", elapsed_s: 1, load: "1 VU", validity: "VALID",
  requests: 1, failed: 0, error_ratio: 0, throughput: 1, response_time_p50_ms: 1, response_time_p95_ms: 1, response_time_p99_ms: 1, tags: {}, exit_code: 0, ...part,
});

let place: HTMLElement;
beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  place = document.body.appendChild(document.createElement("div"));
});
afterEach(() => { place.remove(); vi.unstubAllGlobals(); });

function show(node: React.ReactNode): HTMLElement {
  act(() => createRoot(place).render(node));
  return place;
}

test("a missing figure comes last in either order", () => {
  const rows = [row({ run_id: "a", response_time_p95_ms: null }), row({ run_id: "b", response_time_p95_ms: 9 }), row({ run_id: "c", response_time_p95_ms: 3 })];
  const ids = (isRising: boolean) => sorted(rows, { key: "response_time_p95_ms", isRising }).map((r) => r.run_id).join("");
  expect([ids(true), ids(false)]).toEqual(["cba", "bca"]);
});

test("a filter needs every word, in names, states or tags", () => {
  const rows = [row({ run_id: "a", tags: { branch: "main" } }), row({ run_id: "b", name: "soak", tags: { branch: "fix" } })];
  expect(matching(rows, "journey branch=main").map((r) => r.run_id)).toEqual(["a"]);
  expect(matching(rows, "completed").length).toBe(2);
  expect(matching(rows, "soak main").length).toBe(0);
});

test("two ticked runs can be compared, a third takes the place of the first", () => {
  const page = show(<History rows={["a", "b", "c"].map((id) => row({ run_id: id, name: id }))} shown={null} />);
  for (const box of [...page.querySelectorAll<HTMLInputElement>("input[type=checkbox]")]) act(() => box.click());
  expect(page.querySelector("a.button")?.getAttribute("href")).toBe("#/compare/b/c");
});

test("a history without runs says how to make one", () => {
  expect(show(<History rows={[]} shown={null} />).textContent).toContain("press Start");
});

test("the form asks for what is missing and leaves out what was not filled in", () => {
  expect(requestOf(FIRST_WISH)).toContain("Choose a script");
  expect(requestOf({ ...FIRST_WISH, source: "a.rhai", amount: "0" })).toContain("At least one user");
  expect(requestOf({ ...FIRST_WISH, source: "a.rhai", tags: "main" })).toContain("key=value");
  expect(requestOf({ ...FIRST_WISH, source: "a.rhai", tags: "branch=main", errors: "2" })).toEqual({
    test_type: "load", script: "a.rhai", users: 20, duration_seconds: 60, error_threshold_percent: 2, tags: { branch: "main" },
  });
  expect(requestOf({ ...FIRST_WISH, url: "http://localhost:1/", type: "stress" })).toEqual({ test_type: "stress", target_url: "http://localhost:1/" });
});

test("an address leads to its view, and any other to the start", () => {
  expect(routeOf("#/runs/01A%2F")).toEqual({ view: "run", id: "01A/" });
  expect(routeOf("#/compare/1/2")).toEqual({ view: "compare", a: "1", b: "2" });
  for (const hash of ["", "#", "#/compare/1", "#/runs/", "#%"]) expect(routeOf(hash)).toEqual({ view: "home" });
});

test("the token leaves the address and stays in the tab", () => {
  location.hash = "#token=abc%2B1";
  adoptToken();
  expect([token(), location.hash]).toEqual(["abc+1", "#/"]);
});

test("two courses lie on one axis, with gaps where one has no point", () => {
  const point = (second: number, rate_per_s: number) => ({ second, rate_per_s, error_ratio: 0, p50_ms: null, p95_ms: null, p99_ms: null, in_flight: null });
  expect(overlaid([point(0, 1), point(2, 3)], [point(0, 5), point(1, 6)], (p) => p.rate_per_s)).toEqual({ times: [0, 1, 2], a: [1, null, 3], b: [5, 6, null] });
});

test("a gauge is green below 60 %, yellow below 80 % and red from there", () => {
  expect([0, 0.59, 0.6, 0.79, 0.8, 1.4].map((level) => toneOf(level).tone)).toEqual(["good", "good", "warn", "warn", "bad", "bad"]);
});

const PAYLOADS = [
  "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\"><svg onload=alert(1)>", "javascript:alert(1)", "</td><iframe src=//x>", "{{constructor}}", "data:text/html,<script>1</script>",
];

test("text of scripts and targets stays text wherever it is shown", () => {
  const times = { min: 1, avg: 1, p50: 1, p90: 1, p95: 1, p99: 1, p99_9: 1, max: 1 };
  for (const text of PAYLOADS) {
    const requests = { count: 1, failed: 1, error_ratio: 1, rate_per_s: 1, throughput: 1, http_req_response_time: times };
    const record = {
      ...row({ name: text }), target: text, steps: [{ name: text, tasks: [text], ...requests }], phases: [], checks: [{ name: text, passes: 1, fails: 1 }],
      thresholds: [{ expression: text, actual: 1, passed: false }], errors: [{ name: text, kind: text, message: text, count: 1 }], resources: { generator: null, target: null },
      totals: { ...requests, requests: 1, throughput: 1, dropped: 0, planned: 1, vus_max: 1 }, generator: { version: text, host: text, cores: 1, os: text }, validity: null,
      probes: [{ number: 1, purpose: "search", offered_per_s: 1, measured_s: 1, achieved_per_s: 1, error_ratio: 0, response_p50_ms: 1, response_p99_ms: 1, verdict: "bears", reason: text, bounds: [1, null] }],
      bottleneck: { resource: text, category: text, confidence: "low", words: text },
      endpoints: [],
    } as unknown as RunRecord;
    const model = modelOf(record, [], NOTHING_LIVE, null);
    const page = show(<><StepTable model={model} /><Thresholds model={model} /><Checks model={model} /><Errors model={model} /><StressCard model={model} /><BenchTable endpoints={[]} /><Address text={text} />
      <History rows={[row({ name: text, run_id: text, tags: { [text]: text } })]} shown={null} /></>);
    expect(page.querySelectorAll("script, img, iframe, [onerror], [onload]").length).toBe(0);
    expect([...page.querySelectorAll("a")].every((link) => /^(#\/|https?:)/.test(link.getAttribute("href") ?? ""))).toBe(true);
    expect(page.textContent).toContain(text);
    place.remove();
    place = document.body.appendChild(document.createElement("div"));
  }
});
