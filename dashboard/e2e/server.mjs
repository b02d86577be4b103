// A real `rhaid serve` with the sample service, in a folder of its own.

import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const LISTENS_WITHIN_MS = 30_000;
const TOKEN = "a-token-for-tests-that-is-long-enough";

/** The program under test: RHAID_BIN, or what cargo built last for this checkout. */
export function program() {
  const named = process.env.RHAID_BIN;
  const found = named ? [resolve(named)] : ["release", "debug"].map((profile) => join(repository, "target", profile, "rhaid")).filter((path) => existsSync(path));
  if (found.length === 0) throw new Error("there is no rhaid to test: build it, or name it with RHAID_BIN");
  return found[0];
}

/** A server that can be ended and begun again at the same address, with the same runs. */
export class Server {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "rhaid-page-"));
    this.scripts = join(this.folder, "scripts");
    cpSync(join(repository, "scripts"), this.scripts, { recursive: true });
    writeFileSync(join(this.folder, "token"), TOKEN, { mode: 0o600 });
    this.address = null;
    this.process = null;
  }

  async start() {
    const listen = this.address === null ? "127.0.0.1:0" : new URL(this.address).host;
    const args = ["serve", "--demo", "--listen", listen, "--token-file", join(this.folder, "token"), "--script-root", this.scripts, "--db", join(this.folder, "rhaid.db")];
    this.process = spawn(program(), args, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    this.said = "";
    this.process.stdout.on("data", (text) => { this.said += text; });
    this.process.stderr.on("data", (text) => { this.said += text; });
    const until = Date.now() + LISTENS_WITHIN_MS;
    let found = null;
    while (found === null) {
      if (this.process.exitCode !== null || Date.now() > until) throw new Error(`rhaid serve does not listen: ${this.said}`);
      await new Promise((done) => setTimeout(done, 50));
      found = /listening on (http:\/\/[^/\s]+)/.exec(this.said);
    }
    this.address = found[1];
    return this;
  }

  get link() { return `${this.address}/#token=${encodeURIComponent(TOKEN)}`; }

  /** Ends it: by a signal that lets a run end, or by one that does not. */
  async end(signal = "SIGTERM") {
    if (this.process === null || this.process.exitCode !== null) return;
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill(signal);
    await ended;
  }

  async remove() {
    await this.end("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks the API as any other client would. */
  async ask(method, path, body) {
    const response = await fetch(`${this.address}/api${path}`, {
      method, headers: { Authorization: `Bearer ${TOKEN}`, ...(body ? { "Content-Type": "application/json" } : {}) }, ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const answer = await response.json().catch(() => null);
    return { status: response.status, body: answer };
  }

  async startRun(wish) {
    const { status, body } = await this.ask("POST", "/tests/start", wish);
    if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.run_id;
  }

  async ended(id, withinMs = 120_000) {
    const until = Date.now() + withinMs;
    for (;;) {
      const { body } = await this.ask("GET", `/tests/runs/${id}`);
      if (["COMPLETED", "ERROR", "STOPPED", "INTERRUPTED"].includes(body?.state)) return body;
      if (Date.now() > until) throw new Error(`run ${id} is still ${body?.state}`);
      await new Promise((done) => setTimeout(done, 250));
    }
  }

  /** The live feed: `seen` has each snapshot by its number, with the moment at which it came. */
  follow(id) {
    const stop = new AbortController();
    const seen = new Map();
    const read = async () => {
      const response = await fetch(`${this.address}/api/tests/runs/${id}/events`, { headers: { Authorization: `Bearer ${TOKEN}` }, signal: stop.signal });
      let rest = "";
      for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
        const parts = (rest + piece).split("\n\n");
        rest = parts.pop() ?? "";
        for (const part of parts) {
          const data = part.split("\n").find((line) => line.startsWith("data:"));
          const message = data ? JSON.parse(data.slice(5)) : null;
          if (message?.type === "snapshot") seen.set(message.seq, { atMs: Date.now(), data: message.data });
        }
      }
    };
    void read().catch(() => {});
    return { seen, stop: () => stop.abort() };
  }
}
