// What the control API sends: the record of a run, lists, live messages. Only the fields that the page shows.
// Units are in the names; a figure without enough samples is null.

export type Maybe = number | null;

export type State =
  | "QUEUED" | "RUNNING" | "PAUSED" | "STRESS_BINARY_SEARCH" | "COMPLETED" | "ERROR" | "STOPPED" | "INTERRUPTED";

export interface Health {
  status: string;
  version: string;
  uptime_s: number;
  running: string | null;
  queued: number;
}

export interface SystemMetrics {
  cpu_percent: number;
  memory_used_bytes: number;
  memory_total_bytes: number;
  cores: number;
  load_1m: number;
}

export interface ScriptFile { name: string; size: number; modified_ms: number }

/** One problem of a script; line and column count from 1 and are 0 where the place is not known. */
export interface Finding { line: number; column: number; message: string; hint: string | null }

export interface StartRequest {
  name?: string;
  test_type: "load" | "stress" | "benchmark";
  script?: string;
  target_url?: string;
  users?: number;
  rate?: number;
  duration_seconds?: number;
  error_threshold_percent?: number;
  slo?: string;
  tags?: Record<string, string>;
}

export interface RunRow {
  run_id: string;
  id: number | null;
  status: string;
  state?: State;
  name: string;
  test_type: string;
  started_at: string;
  elapsed_s: number;
  load: string;
  validity: string | null;
  requests: number;
  failed: number;
  error_ratio: number;
  throughput: number;
  response_time_p50_ms: Maybe;
  response_time_p95_ms: Maybe;
  response_time_p99_ms: Maybe;
  tags: Record<string, string>;
  exit_code: number | null;
  /** Why a run never began. */
  error?: RunError | string | null;
}

export interface RunError { message: string; hint?: string | null }

export interface Times {
  min: Maybe; avg: Maybe; p50: Maybe; p90: Maybe; p95: Maybe; p99: Maybe; p99_9: Maybe; max: Maybe;
}

export interface Requests {
  count: number;
  failed: number;
  error_ratio: number;
  rate_per_s: Maybe;
  throughput: Maybe;
  http_req_response_time: Times;
}

export interface StepRecord extends Requests { name: string; tasks: string[] }

export interface PhaseRecord extends Requests { name: string; start_s: number; end_s: number }

export interface Threshold { expression: string; actual: Maybe; passed: boolean; aborted?: boolean }
export interface Check { name: string; task?: string | null; passes: number; fails: number }
export interface ErrorGroup { name: string; kind: string; message: string; count: number }

export interface ResourceSample {
  at_s: number; cpu_percent: number; host_cpu_percent: number; memory_bytes: number;
}
export interface Resource {
  cpu_percent: { mean: number; max: number };
  memory_bytes: { max: number; last: number };
  samples: ResourceSample[];
}

export type Verdict = "VALID" | "DEGRADED" | "INVALID";
export interface Validity { verdict: Verdict; reasons: string[]; notes: string[] }

export interface Probe {
  number: number;
  purpose: "warm_up" | "search" | "canary" | "hold" | "sweep";
  offered_per_s: number;
  measured_s: number;
  achieved_per_s: number;
  error_ratio: number;
  response_p50_ms: Maybe;
  response_p99_ms: Maybe;
  verdict: "bears" | "too_high" | "over_objective" | "not_judged";
  reason: string;
  bounds: [Maybe, Maybe];
}

export interface CurvePoint {
  offered_per_s: number;
  users: number | null;
  achieved_per_s: number;
  error_ratio: number;
  response_p50_ms: Maybe;
  response_p99_ms: Maybe;
}

export interface StressHead {
  state: string;
  strategy: string;
  objective: string | null;
  error_threshold: number;
  irregular: string[];
  is_generator_limited: boolean;
}

export interface Stress {
  stress?: StressHead;
  max_sustainable?: { value: number; lower: number; upper: Maybe; confirmed: boolean | null } | null;
  breakdown?: { value: number; lower: Maybe; first_failure: string | null } | null;
  capacity?: { value: number; standard_error: number } | null;
  probes?: Probe[];
  knee?: { unit: string; marker: { load: number } | null; power_point: { load: number } | null; words: string[] } | null;
  curve?: CurvePoint[];
  bottleneck?: { resource: string; category: string; confidence: string; words: string } | null;
}

export interface Endpoint {
  name: string;
  task: string;
  vus: number;
  requests: number;
  failed: number;
  rate_per_s: number;
  response_p50_ms: Maybe;
  response_p95_ms: Maybe;
  response_p99_ms: Maybe;
  response_max_ms: Maybe;
  p50_interval: Interval | null;
  p99_interval: Interval | null;
  is_precise: boolean | null;
  validity: Verdict;
}
export interface Interval { lower_s: number; value_s: number; upper_s: Maybe }

export interface RunRecord extends Stress {
  run_id: string;
  id: number | null;
  name: string;
  test_type: string;
  status: string;
  state?: State;
  exit_code: number | null;
  started_at: string;
  elapsed_s: number;
  load: string;
  target: string | null;
  tags: Record<string, string>;
  plan?: { script?: string | null };
  validity: Validity | null;
  steps: StepRecord[];
  phases: PhaseRecord[];
  checks: Check[];
  thresholds: Threshold[];
  errors: ErrorGroup[];
  resources: { generator: Resource | null; target: Resource | null };
  totals: Requests & { requests: number; throughput: number; dropped: number; planned: number; vus_max: number };
  generator: { version: string; host: string; cores: number; os: string; transport: string | null };
  endpoints?: Endpoint[];
  /** What was done to the run while it went on. */
  events?: LiveEvent[];
  error?: RunError | string | null;
  live?: Snapshot;
}

export interface SeriesPoint {
  second: number;
  rate_per_s: number;
  error_ratio: number;
  p50_ms: Maybe;
  p95_ms: Maybe;
  p99_ms: Maybe;
  in_flight?: Maybe;
  vus?: Maybe;
}

export interface Usage { cpu_percent: number; memory_bytes: number }

export interface Snapshot {
  at_s: number;
  interval_s: number;
  phase: string | null;
  planned_end_s: number | null;
  progress: number | null;
  state: State;
  vus: number;
  in_flight: number;
  backlog: number;
  rate_per_s: number;
  error_ratio: number;
  p50_ms: Maybe;
  p95_ms: Maybe;
  p99_ms: Maybe;
  totals: { planned: number; started: number; dropped: number; requests: number; failed: number; throughput: number };
  steps: { name: string; count: number; failed: number; p50_ms: Maybe; p95_ms: Maybe; p99_ms: Maybe }[];
  thresholds: Threshold[];
  checks: Check[];
  errors: ErrorGroup[];
  generator: Usage | null;
  target: Usage | null;
}

export interface LiveEvent { at_s: number; kind: string; text: string }
export interface End { state: State; exit_code: number | null; id: number | null }

export type Message =
  & { v: number; run_id: string; seq: number }
  & (
    | { type: "snapshot"; data: Snapshot }
    | { type: "event"; data: LiveEvent }
    | { type: "probe"; data: Probe }
    | { type: "end"; data: End }
  );

export interface Figure { a: Maybe; b: Maybe; change_percent: Maybe }
export interface StepComparison {
  name: string; verdict: string; reason: string;
  p50: Figure; p95: Figure; p99: Figure; rate_per_s: Figure; error_ratio: Figure;
}
export interface Comparison {
  a: { id: number | null; run_id: string; name: string; started_at: string; validity: string | null };
  b: { id: number | null; run_id: string; name: string; started_at: string; validity: string | null };
  notes?: string[];
  differences?: string[];
  steps: StepComparison[];
  totals?: StepComparison;
}
