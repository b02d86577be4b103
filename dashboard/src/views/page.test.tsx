// Pieces of the page: order and filter of the history, the form, the way to a view, hostile text.
import { act } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RunRow } from "../api/shapes";
import { adoptToken, token } from "../api/client";
import { toneOf } from "../parts/Gauge";
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

test("a filter that leaves nothing says so, with a way back", () => {
  const page = show(<History rows={[row({ tags: { branch: "main" } })]} shown={null} />);
  const box = page.querySelector("input[type=search]") as HTMLInputElement;
  act(() => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(box, "nothing");
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });
  expect(page.textContent).toContain("No run matches “nothing”");
  act(() => ([...page.querySelectorAll("button")].find((one) => one.textContent === "Show all 1") as HTMLButtonElement).click());
  expect(page.querySelectorAll("tbody tr").length).toBe(1);
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
  expect(routeOf("#/compare/1/2")).toEqual({ view: "compare", a: "1", b: "2", force: false });
  expect(routeOf("#/compare/1/2/anyway")).toEqual({ view: "compare", a: "1", b: "2", force: true });
  expect([routeOf("#/scripts/a.rhai"), routeOf("#/scripts/")]).toEqual([{ view: "script", name: "a.rhai" }, { view: "script", name: "" }]);
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
