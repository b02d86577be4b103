// A control API that makes everything up, to look at the page without rhaid: `node dev/mock.mjs [folder of the built page] [port]`.
// Variables: MOCK=empty has no runs, MOCK=denied refuses every token.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const folder = process.argv[2] ?? "dist";
const port = Number(process.argv[3] ?? 3118);
const mode = process.env.MOCK ?? "";
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const KINDS = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".json": "application/json" };

const wave = (t, size, period) => size * Math.sin((2 * Math.PI * t) / period);
const phaseAt = (t) => (t < 60 ? "warm-up" : t < 150 ? "steady" : t < 200 ? "spike" : "recovery");

function point(t, slow = 1) {
  const spike = t >= 150 && t < 200 ? 1 : 0;
  const rate = Math.min(1, t / 40) * 420 + wave(t, 14, 13) + spike * 260;
  const p50 = (11 + wave(t, 1.4, 17) + spike * 22) * slow;
  return {
    second: t, rate_per_s: Math.max(0, rate), error_ratio: spike ? 0.02 + wave(t, 0.012, 9) : t % 41 === 0 ? 0.004 : 0,
    p50_ms: p50, p95_ms: p50 * 2.7 + wave(t, 5, 11), p99_ms: p50 * 5.1 + wave(t, 18, 7) + (t % 53 === 0 ? 120 : 0),
    in_flight: (rate * p50) / 1000, vus: Math.round(Math.min(1, t / 40) * 60 + spike * 40),
  };
}
const times = (k) => ({ min: 2.1 * k, avg: 13 * k, p50: 11.2 * k, p90: 22 * k, p95: 29.4 * k, p99: 58.8 * k, p99_9: null, max: 212 * k });
const requests = (n, k) => ({ count: n, failed: Math.round(n * 0.004), error_ratio: 0.004, rate_per_s: n / 240, throughput: n / 241, http_req_response_time: times(k) });
const usage = (t, mean) => ({ at_s: t, cpu_percent: mean + wave(t, 18, 30), host_cpu_percent: 50, memory_bytes: 180e6 + t * 4e5 });
const samples = (mean) => Array.from({ length: 240 }, (_, t) => usage(t, mean));
const resource = (mean) => ({ cpu_percent: { mean, max: mean + 18 }, memory_bytes: { max: 276e6, last: 276e6 }, samples: samples(mean) });

const LOADS = [10, 40, 160, 640, 2560, 1280, 905, 1076, 987, 1031];
const TRUTH = 1010;
let [low, high] = [null, null];
const probes = LOADS.map((load, index) => {
  const bears = load < TRUTH;
  if (bears) low = Math.max(low ?? 0, load); else high = Math.min(high ?? Infinity, load);
  return {
    number: index + 1, purpose: index === 0 ? "warm_up" : index === LOADS.length - 1 ? "hold" : "search", offered_per_s: load, measured_s: 5,
    achieved_per_s: Math.min(load, TRUTH), error_ratio: bears ? 0 : 1 - TRUTH / load, response_p50_ms: 9 + 900 / Math.max(20, TRUTH - load),
    response_p99_ms: bears ? 30 + 4000 / Math.max(20, TRUTH - load) : 2400, verdict: index === 0 ? "not_judged" : bears ? "bears" : "too_high",
    reason: bears ? "99.9 % of the requests succeeded and nothing piled up" : `${Math.round(100 * (1 - TRUTH / load))} % of the requests were never answered`, bounds: [low, high],
  };
});
const stress = {
  stress: { state: "COMPLETED", strategy: "mlr", objective: "p(99)<300", error_threshold: 0.05, irregular: [], is_generator_limited: false },
  max_sustainable: { value: 986, lower: 987, upper: 1031, confirmed: true }, breakdown: { value: 1280, lower: 1031, first_failure: "timeout" },
  capacity: { value: 1012, standard_error: 8 }, probes,
  knee: { unit: "per_second", marker: { load: 820 }, power_point: null, words: ["most throughput for each second of waiting is at 820/s", "throughput is at most 1,012/s"] },
  curve: LOADS.map((load) => ({ offered_per_s: load, users: null, achieved_per_s: Math.min(load, TRUTH), error_ratio: 0, response_p50_ms: 12, response_p99_ms: load < TRUTH ? 30 + 3000 / Math.max(20, TRUTH - load) : 420 })),
  bottleneck: { resource: "db pool", category: "database pool", confidence: "high", words: "the database pool saturates first: all 8 connections were in use and 14 waited at 1,031/s" },
};
const endpoints = ["GET /api/health", "GET /api/teams", "POST /api/auth/login", "GET /api/items/{id}"].map((name, i) => ({
  name, task: `task_${i}`, vus: 10, requests: 90000 / (i + 1), failed: i === 2 ? 12 : 0, rate_per_s: 9000 / (i + 1), response_p50_ms: 0.4 * (i + 1), response_p95_ms: 1.1 * (i + 1), response_p99_ms: 2.4 * (i + 1),
  response_max_ms: 31, p50_interval: { lower_s: 0.00038 * (i + 1), value_s: 0.0004, upper_s: 0.00043 * (i + 1) }, p99_interval: { lower_s: 0.002 * (i + 1), value_s: 0.0024, upper_s: i === 3 ? null : 0.003 * (i + 1) }, is_precise: true, validity: i === 3 ? "DEGRADED" : "VALID",
}));

function record(row) {
  return {
    ...row, target: "http://127.0.0.1:8080", plan: { script: "/srv/scripts/journey.rhai" },
    validity: row.state === "RUNNING" ? null : { verdict: row.validity ?? "VALID", reasons: row.validity === "DEGRADED" ? ["the generator was late by up to 38 ms in 2 % of the seconds"] : [], notes: ["the target runs on this machine and shares its CPU (joint CPU 61 %)"] },
    steps: ["list_teams", "open_team", "login", "update_profile"].map((name, i) => ({ name, tasks: ["journey"], ...requests(24000 / (i + 1), 1 + i * 0.4) })),
    phases: [["warm-up", 0, 60], ["steady", 60, 150], ["spike", 150, 200], ["recovery", 200, 240]].map(([name, start_s, end_s], i) => ({ name, start_s, end_s, ...requests(row.state === "RUNNING" ? 0 : 9000 * (i + 1), 1 + i / 3) })),
    checks: [{ name: "status is 200", passes: 88120, fails: 340 }, { name: "has <b>members</b>", passes: 24000, fails: 0 }],
    thresholds: [{ expression: "http_req_failed: rate<0.01", actual: 0.004, passed: true }, { expression: "http_req_duration: p(95)<60", actual: 29.4, passed: true }, { expression: "http_req_duration{task:login}: p(99)<90", actual: 98.1, passed: false }],
    errors: [{ name: "login", kind: "status 503", message: "the service answered 503 Service Unavailable", count: 301 }, { name: "open_team", kind: "timeout", message: "no answer within 5 s", count: 39 }],
    resources: { target: resource(118), generator: resource(42) }, totals: { ...requests(row.requests, 1), requests: row.requests, planned: row.requests, dropped: 12, vus_max: 100 },
    generator: { version: "0.1.0", host: "bench-1", cores: 2, os: "Linux", transport: "reqwest" },
    ...(row.test_type === "stress" ? row.state === "RUNNING" ? {} : stress : {}), ...(row.test_type === "benchmark" ? { endpoints } : {}),
  };
}

const rowOf = (n, name, test_type, state, tags, extra = {}) => ({
  run_id: `01M7YX5X5ZS78K0DN7Z3P4${String(n).padStart(4, "0")}`, id: n, status: state === "RUNNING" ? "running" : "finished", state, name, test_type, started_at: new Date(Date.now() - (30 - n) * 3.7e6).toISOString(),
  elapsed_s: 240, load: test_type === "stress" ? "probes from 10/s" : "60 VUs", validity: "VALID", requests: 88000 + n * 137, failed: 340, error_ratio: 0.0039, throughput: 366 + n, response_time_p50_ms: 11, response_time_p95_ms: 29 + n, response_time_p99_ms: 58, tags, exit_code: 0, ...extra,
});
let rows = mode === "empty" ? [] : [
  rowOf(9, "journey", "load", "RUNNING", { branch: "main" }, { validity: null, exit_code: null, requests: 9000 }),
  rowOf(8, "search", "stress", "COMPLETED", { branch: "main" }), rowOf(7, "endpoints", "benchmark", "COMPLETED", { build: "12" }),
  rowOf(6, "journey", "load", "COMPLETED", { branch: "main", build: "12" }), rowOf(5, "journey", "load", "ERROR", { build: "11" }, { exit_code: 99, error_ratio: 0.09, validity: "DEGRADED" }),
  rowOf(4, "soak of the night", "load", "STOPPED", {}, { response_time_p95_ms: null }), rowOf(3, "journey", "load", "COMPLETED", { branch: "fix-pool" }),
];
const find = (id) => rows.find((row) => row.run_id === id || String(row.id) === id);
const began = Date.now() - 70_000;

function snapshot(row) {
  const at_s = (Date.now() - began) / 1000;
  const now = point(at_s);
  const steps = record(row).steps.map((s) => ({ name: s.name, count: Math.round(s.count * at_s / 240), failed: s.failed, p50_ms: 11, p95_ms: 29, p99_ms: 58 }));
  return { at_s, interval_s: 0.5, phase: phaseAt(at_s), planned_end_s: 240, progress: Math.min(1, at_s / 240), state: row.state, backlog: 0, ...now, vus: now.vus,
    totals: { planned: 9000, started: 9000, dropped: 0, requests: Math.round(at_s * 400), failed: 12, throughput: 398 }, steps, thresholds: record(row).thresholds, checks: record(row).checks, errors: [],
    generator: usage(at_s, 42), target: usage(at_s, 128) };
}

function answer(method, path, query) {
  if (path === "/api/health") return { status: "ok", version: "0.1.0", uptime_s: 900, running: rows.find((row) => row.state === "RUNNING")?.run_id ?? null, queued: 0 };
  if (path === "/api/system/metrics") return { cpu_percent: 61, memory_used_bytes: 2e9, memory_total_bytes: 4e8, cores: 2, load_1m: 1.4 };
  if (path === "/api/scripts") return [{ name: "journey.rhai", size: 900, modified_ms: 0 }, { name: "endpoints.rhai", size: 700, modified_ms: 0 }];
  if (path === "/api/tests/runs") return rows;
  if (path === "/api/tests/start" && method === "POST") return { run_id: rows[0]?.run_id, status: "started" };
  if (path === "/api/tests/compare") {
    const [a, b] = [find(query.get("a")), find(query.get("b"))];
    const figure = (x, y) => ({ a: x, b: y, change_percent: x ? ((y / x - 1) * 100) : null });
    const step = (name, verdict, k, reason = "") => ({ name, verdict, reason, p50: figure(11, 11 * k), p95: figure(29, 29 * k), p99: figure(58, 58 * k), rate_per_s: figure(100, 101), error_ratio: figure(0.004, 0.0041) });
    return { version: 1, a, b, notes: ["both runs shared the machine with their target"], differences: [], steps: [step("list_teams", "same", 1.01), step("open_team", "slower", 1.31), step("login", "cannot be told", 1, "42 samples, 100 are needed"), step("update_profile", "faster", 0.82)], totals: step("all steps", "slower", 1.12) };
  }
  const found = /^\/api\/tests\/runs\/([^/]+)(?:\/(.*))?$/.exec(path);
  const row = found && find(found[1]);
  if (!row) return null;
  if (!found[2]) return record(row);
  if (found[2] === "series") return Array.from({ length: row.state === "RUNNING" ? Math.round((Date.now() - began) / 1000) : 240 }, (_, t) => point(t, row.id === 6 ? 1.3 : 1));
  if (found[2] === "stop") { row.state = "STOPPED"; row.status = "finished"; }
  return { run_id: row.run_id, state: row.state };
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  const send = (status, type, body) => response.writeHead(status, { "Content-Type": type, "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" }).end(body);
  if (url.pathname.startsWith("/api/")) {
    if (mode === "denied" && url.pathname !== "/api/health") return send(401, "application/json", JSON.stringify({ code: "unauthorized", message: "a token is needed" }));
    const body = answer(request.method, url.pathname, url.searchParams);
    return send(body ? 200 : 404, "application/json", JSON.stringify(body ?? { code: "not_found", message: "there is no such run; the history lists all" }));
  }
  const file = join(folder, normalize(url.pathname === "/" ? "/index.html" : url.pathname));
  return existsSync(file) ? send(200, KINDS[extname(file)] ?? "application/octet-stream", readFileSync(file)) : send(404, "text/plain", "no such file");
});

/** Frames of a WebSocket from the server: text, never masked. */
function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, body]);
}
server.on("upgrade", (request, socket) => {
  const key = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
  const row = find(/ws\/([^?]+)/.exec(request.url)?.[1]);
  let seq = 0;
  const say = (type, data) => socket.write(frame(JSON.stringify({ v: 1, run_id: row.run_id, seq: ++seq, type, data })));
  say("event", { at_s: 71, kind: "scaled", text: "60 users" });
  const timer = setInterval(() => {
    if (row.state === "RUNNING") return say("snapshot", snapshot(row));
    clearInterval(timer);
    say("end", { state: row.state, exit_code: 0, id: row.id });
  }, 500);
  socket.on("close", () => clearInterval(timer));
  socket.on("error", () => clearInterval(timer));
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/#token=mock`));
