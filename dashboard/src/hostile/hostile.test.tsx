// Names, addresses and messages come from scripts and from targets. Wherever the page shows one, it stays text.
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Comparison, Finding, RunRecord, RunRow, Snapshot } from "../api/shapes";
import { modelOf, NOTHING_LIVE, type Live } from "../model/run";
import { RunBody } from "../parts/RunBody";
import { Compared } from "../views/Compare";
import { Findings } from "../views/Editor";
import { History } from "../views/History";
import { runLink } from "../views/route";
import { Start } from "../views/Start";
import { Banner, Failure } from "../views/states";
import { RunHead } from "../views/Top";
import { PAYLOADS } from "./payloads";

// What it draws on has no text of the page's own; jsdom has no canvas.
vi.mock("uplot", () => ({ default: class { setData() {} setSeries() {} setSize() {} destroy() {} batch(all: () => void) { all(); } } }));

let place: HTMLElement;
let root: Root;
const hit = vi.fn();
beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  vi.stubGlobal("ResizeObserver", class { observe() {} disconnect() {} });
  vi.stubGlobal("hit", hit);
  place = document.body.appendChild(document.createElement("div"));
  root = createRoot(place);
});
afterEach(() => { act(() => root.unmount()); place.remove(); vi.unstubAllGlobals(); });

const times = { min: 1, avg: 1, p50: 1, p90: 1, p95: 1, p99: 1, p99_9: 1, max: 1 };
const requests = { count: 1, failed: 1, error_ratio: 1, rate_per_s: 1, throughput: 1, http_req_response_time: times };

/** A record whose every text is hostile and names its own place. */
function recordOf(at: (place: string) => string, type: string): RunRecord {
  return {
    run_id: at("run_id"), id: 7, name: at("name"), test_type: type, status: "finished", state: "COMPLETED", exit_code: 0, started_at: at("started_at"), elapsed_s: 9,
    load: at("load"), target: at("target"), tags: { [at("tag")]: at("tag value") }, plan: { script: at("script") }, error: { message: at("error"), hint: at("error hint") },
    validity: { verdict: at("verdict"), reasons: [at("reason")], notes: [at("note")] },
    steps: [{ name: at("step"), tasks: [at("task")], ...requests }],
    phases: [1, 2].map((n) => ({ name: at(`phase ${n}`), start_s: n, end_s: n + 1, ...requests })),
    checks: [{ name: at("check"), task: at("check task"), passes: 1, fails: 1 }], thresholds: [{ expression: at("threshold"), actual: 1, passed: false }],
    errors: [{ name: at("error name"), kind: at("error kind"), message: at("error message"), count: 1 }],
    resources: { generator: null, target: null }, totals: { ...requests, requests: 1, dropped: 1, planned: 2, vus_max: 1 },
    generator: { version: at("version"), host: at("host"), cores: 1, os: at("os"), transport: null }, events: [{ at_s: 1, kind: at("event kind"), text: at("event") }],
    stress: { state: "COMPLETED", strategy: at("strategy"), objective: at("objective"), error_threshold: 0.05, irregular: [at("irregular")], is_generator_limited: true },
    max_sustainable: { value: 1, lower: 1, upper: 2, confirmed: true }, breakdown: { value: 2, lower: 1, first_failure: at("first failure") }, capacity: null,
    knee: { unit: at("unit"), marker: { load: 1 }, power_point: null, words: [at("knee words")] }, curve: [],
    probes: [{ number: 1, purpose: at("purpose"), offered_per_s: 1, measured_s: 1, achieved_per_s: 1, error_ratio: 0, response_p50_ms: 1, response_p99_ms: 1, verdict: at("probe verdict"), reason: at("probe reason"), bounds: [1, null] }],
    bottleneck: { resource: at("resource"), category: at("category"), confidence: at("confidence"), words: at("bottleneck words") },
    endpoints: [{ name: at("endpoint"), task: at("endpoint task"), vus: 1, requests: 1, failed: 0, rate_per_s: 1, response_p50_ms: 1, response_p95_ms: 1, response_p99_ms: 1, response_max_ms: 1, p50_interval: null, p99_interval: null, is_precise: true, validity: at("endpoint verdict") }],
  } as unknown as RunRecord;
}

function everything(at: (place: string) => string) {
  const load = recordOf(at, "load");
  const row = { ...load, started_at: "2026-11-21T10:00:00Z", validity: at("row validity"), state: at("row state"), requests: 1, failed: 0, error_ratio: 0, throughput: 1, response_time_p95_ms: 1 } as unknown as RunRow;
  const figure = { a: 1, b: 2, change_percent: 100 };
  const step = { name: at("compared step"), verdict: at("compared verdict"), reason: at("compared reason"), p50: figure, p95: figure, p99: figure, rate_per_s: figure, error_ratio: figure };
  const side = (name: string) => ({ id: 1, run_id: at(`${name} id`), name: at(`${name} name`), started_at: "", validity: at(`${name} validity`) });
  const comparison: Comparison = { a: side("a"), b: side("b"), notes: [at("compared note")], differences: [at("difference")], steps: [step] };
  const findings: Finding[] = [{ line: 1, column: 1, message: at("finding"), hint: at("finding hint") }];
  const snapshot = { at_s: 1, interval_s: 1, phase: at("live phase"), state: "RUNNING", progress: 0.1, planned_end_s: 9, vus: 1, rate_per_s: 1, error_ratio: 0, totals: {}, steps: [{ name: at("live step"), count: 1, failed: 0 }],
    thresholds: [], checks: [], errors: [] } as unknown as Snapshot;
  const live: Live = { ...NOTHING_LIVE, last: snapshot };
  const going = modelOf({ ...load, state: "RUNNING" }, [], live, null);
  return (
    <>
      <RunHead model={going}><b /></RunHead>
      {[going, modelOf(load, [], NOTHING_LIVE, null), modelOf(recordOf(at, "stress"), [], NOTHING_LIVE, null), modelOf(recordOf(at, "benchmark"), [], NOTHING_LIVE, null)]
        .map((model, index) => <RunBody key={index} model={model} range={null} onZoom={() => {}} />)}
      <History rows={[row]} shown={at("run_id")} />
      <Compared comparison={comparison} ofA={[]} ofB={[]} force />
      <Findings findings={findings} goTo={() => {}} />
      <Start scripts={[{ name: at("file"), size: 1, modified_ms: 1 }]} onStarted={() => {}} />
      <Banner words={at("banner")} /><Failure error={new Error(at("failure"))} retry={() => {}} />
    </>
  );
}

/// Texts that the page must show somewhere, so that a field which is left out does not pass for a safe one.
const SHOWN = [
  "run_id", "name", "load", "target", "tag", "tag value", "script", "verdict", "reason", "note", "step", "phase 1", "check", "check task", "threshold", "error name", "error kind", "error message", "version", "host", "event",
  "strategy", "objective", "irregular", "first failure", "knee words", "purpose", "probe reason", "resource", "confidence", "bottleneck words", "endpoint", "endpoint verdict", "row validity", "compared step",
  "compared verdict", "compared reason", "a name", "b validity", "compared note", "difference", "finding", "finding hint", "live phase", "live step", "file", "banner", "failure",
];

test("there are at least 60 hostile texts, each of them once", () => {
  expect(PAYLOADS.length).toBeGreaterThanOrEqual(60);
  expect(new Set(PAYLOADS).size).toBe(PAYLOADS.length);
});

test("one of them would be markup if it were put in as markup", () => {
  place.innerHTML = PAYLOADS.join("");
  expect(place.querySelectorAll("script, iframe, [onerror]").length).toBeGreaterThan(5);
});

test.each(PAYLOADS)("%j stays text in every field of every view", (payload) => {
  act(() => root.render(everything((field) => `${payload} [${field}]`)));
  const text = place.textContent ?? "";
  const shown = text.replaceAll("_", " ");
  for (const field of SHOWN) expect(shown, field).toContain(`${payload} [${field}]`.replaceAll("_", " "));
  expect(place.querySelectorAll("script, style, img, image, iframe, object, embed, link, meta, base, template, video, audio, marquee, math, animate, use, body").length).toBe(0);
  for (const element of place.querySelectorAll("*")) {
    for (const { name, value } of element.attributes) {
      expect(name.startsWith("on") || name === "srcdoc" || name === "formaction" || name === "style", `${element.tagName} ${name}`).toBe(false);
      if (name === "href" || name === "src") expect(value, name).toMatch(/^(#\/|https?:\/\/)/);
    }
  }
  expect(hit).not.toHaveBeenCalled();
});

test("an id cannot lead a link out of its view", () => {
  for (const payload of PAYLOADS) expect(runLink(payload)).toMatch(/^#\/runs\/[^/?#<>"]*$/);
});
