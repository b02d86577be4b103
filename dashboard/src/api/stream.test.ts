// A live stream that breaks, comes back, is refused or falls silent.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow, read, WAITS_MS, type Followed, type Link } from "./stream";

class Socket {
  static all: Socket[] = [];
  sent: string[] = [];
  isClosed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  constructor(readonly address: string) { Socket.all.push(this); }
  send(text: string) { this.sent.push(text); }
  close() { this.isClosed = true; }
  say(seq: number, type = "event") { this.onmessage?.({ data: JSON.stringify({ v: 1, run_id: "r", seq, type, data: {} }) }); }
}

let told: { seqs: number[]; links: Link[]; gaps: number; refused: number };
let followed: Followed;
const latest = (): Socket => Socket.all.at(-1) as Socket;
beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  Socket.all = [];
  sessionStorage.setItem("rhaid-token", "secret");
  told = { seqs: [], links: [], gaps: 0, refused: 0 };
  followed = follow("a/b", {
    onMessage: (message) => told.seqs.push(message.seq), onLink: (link) => told.links.push(link),
    onGap: () => { told.gaps += 1; }, onRefused: () => { told.refused += 1; },
  });
});
afterEach(() => { followed.close(); vi.useRealTimers(); vi.unstubAllGlobals(); });

test("the token is the first thing said, and never in the address", () => {
  latest().onopen?.();
  expect(latest().sent).toEqual(['{"token":"secret"}']);
  expect(latest().address).toBe(`ws://${location.host}/api/tests/ws/a%2Fb`);
});

test("a broken stream is taken up after what was heard last, and nothing counts twice", () => {
  for (const seq of [4, 5, 6]) latest().say(seq);
  latest().onclose?.({ code: 1006 });
  expect(told.links.at(-1)?.isLinked).toBe(false);
  vi.advanceTimersByTime(WAITS_MS[0] ?? 0);
  expect(latest().address).toContain("?since=6");
  latest().onopen?.();
  for (const seq of [6, 7]) latest().say(seq);
  expect([told.seqs, told.gaps, told.links.at(-1)?.isLinked]).toEqual([[4, 5, 6, 7], 0, true]);
});

test("messages that the server no longer had are noticed once", () => {
  latest().say(6);
  latest().onclose?.({ code: 1006 });
  followed.retryNow();
  for (const seq of [900, 901, 905]) latest().say(seq);
  expect([told.gaps, told.seqs]).toEqual([1, [6, 900, 901, 905]]);
});

test("waits grow, and asking at once does not open a second connection", () => {
  for (const wait of WAITS_MS) {
    const before = Socket.all.length;
    latest().onclose?.({ code: 1006 });
    vi.advanceTimersByTime(wait - 1);
    expect(Socket.all.length).toBe(before);
    vi.advanceTimersByTime(1);
    expect(Socket.all.length).toBe(before + 1);
  }
  const before = Socket.all.length;
  followed.retryNow();
  expect(Socket.all.length).toBe(before);
});

test.each([4401, 4404])("after a refusal with %i nothing is tried again", (code) => {
  latest().onclose?.({ code });
  vi.advanceTimersByTime(120_000);
  expect([told.refused, Socket.all.length]).toEqual([1, 1]);
});

test("a run that falls silent is asked for again, one that tells something is not", () => {
  const first = latest();
  first.say(1, "snapshot");
  vi.advanceTimersByTime(29_000);
  first.say(2, "snapshot");
  vi.advanceTimersByTime(29_000);
  expect(Socket.all.length).toBe(1);
  vi.advanceTimersByTime(2_000);
  expect([Socket.all.length, first.isClosed]).toEqual([2, true]);
  first.say(3);
  expect(told.seqs).toEqual([1, 2]);
});

test("nothing is opened after the end", () => {
  latest().say(1, "end");
  latest().onclose?.({ code: 1000 });
  vi.advanceTimersByTime(120_000);
  expect([Socket.all.length, latest().isClosed]).toEqual([1, true]);
});

test("messages of another version and what is no message are left out", () => {
  expect([read("{"), read('{"v":2,"seq":1}'), read('{"v":1}'), read(null)]).toEqual([null, null, null, null]);
});
