// Requests to the control API. The token comes from the link that `rhaid serve` prints and stays in this tab.

import type {
  Comparison, Finding, Health, RunRecord, RunRow, ScriptFile, SeriesPoint, StartRequest, SystemMetrics,
} from "./shapes";

/** What a run that goes on can be told. */
export type Verb = "stop" | "pause" | "resume";

const TOKEN_KEY = "rhaid-token";
/// A server that does not answer within this time counts as gone.
const PATIENCE_MS = 10_000;

/** What went wrong: `status` is 0 when no answer came at all. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
  get isDisconnected(): boolean { return this.status === 0; }
  get isUnauthorized(): boolean { return this.status === 401 || this.status === 403; }
}

/** Takes `#token=…` out of the address, so that it is in no history entry and in no copied link. */
export function adoptToken(): void {
  const found = /(?:^#|&)token=([^&]+)/.exec(location.hash);
  if (!found?.[1]) return;
  keepToken(decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname + location.search + "#/");
}

export function keepToken(token: string): void { sessionStorage.setItem(TOKEN_KEY, token.trim()); }
export function token(): string { return sessionStorage.getItem(TOKEN_KEY) ?? ""; }

async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token()) headers.set("Authorization", `Bearer ${token()}`);
  if (init.body) headers.set("Content-Type", "application/json");
  let response: Response;
  try {
    response = await fetch(`/api${path}`, { ...init, headers, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new ApiError(0, "unreachable", "rhaid does not answer");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => null) as { code?: string; message?: string; detail?: unknown } | null;
  const words = [told?.message ?? `status ${response.status}`, told?.detail].filter((part) => typeof part === "string" && part !== "");
  throw new ApiError(response.status, told?.code ?? "error", words.join("; "));
}

async function get<T>(path: string): Promise<T> { return await (await request(path)).json() as T; }
async function send<T>(method: "POST" | "PUT", path: string, body: unknown = {}): Promise<T> {
  return await (await request(path, { method, body: JSON.stringify(body) })).json() as T;
}

const run = (id: string) => `/tests/runs/${encodeURIComponent(id)}`;
const script = (name: string) => `/scripts/${encodeURIComponent(name)}`;

export const api = {
  health: () => get<Health>("/health"),
  system: () => get<SystemMetrics>("/system/metrics"),
  scripts: () => get<ScriptFile[]>("/scripts"),
  runs: (limit = 500) => get<RunRow[]>(`/tests/runs?limit=${limit}`),
  run: (id: string) => get<RunRecord>(run(id)),
  series: (id: string) => get<SeriesPoint[]>(`${run(id)}/series`),
  /** `force` compares also runs that are so unlike that it says little. */
  compare: (a: string, b: string, force = false) =>
    get<Comparison>(`/tests/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}${force ? "&force=true" : ""}`),
  start: (wish: StartRequest) => send<{ run_id: string }>("POST", "/tests/start", wish),
  act: (id: string, verb: Verb) => send("POST", `${run(id)}/${verb}`),
  scale: (id: string, load: { users: number } | { rate: number }) => send("POST", `${run(id)}/scale`, load),
  readScript: async (name: string) => (await get<{ text: string }>(script(name))).text,
  writeScript: (name: string, text: string) => send("PUT", script(name), { text }),
  checkScript: async (text: string) => (await send<{ findings: Finding[] }>("POST", "/scripts/check", { text })).findings,
  remove: (id: string) => request(run(id), { method: "DELETE" }),
  /** A report as a file: the header keeps a plain link from working. */
  report: async (id: string, format: string) => (await request(`${run(id)}/report.${format}`)).blob(),
};
