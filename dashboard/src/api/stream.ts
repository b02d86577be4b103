// The live stream of one run over a WebSocket, taken up again where it broke.

import { token } from "./client";
import type { Message } from "./shapes";

/// Waits between attempts, in milliseconds; the last one repeats.
export const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000];
/// A run that goes on tells something twice a second. A connection that is silent for this long is taken for dead: a browser
/// notices it only much later.
const SILENCE_MS = 30_000;
/// The server's word that it does not know the token, and that there is no such run.
const REFUSALS = [4401, 4404];

/** How the connection is: when it is broken, the moment of the next attempt, in milliseconds since 1970. */
export interface Link { isLinked: boolean; nextAttemptMs: number | null }

export interface Listener {
  onMessage(message: Message): void;
  onLink(link: Link): void;
  /** Messages may be missing: the break was longer than what the server keeps. */
  onGap(): void;
  /** The server does not want this connection; nothing is tried again. */
  onRefused(): void;
}

export interface Followed { close(): void; retryNow(): void }

/** Follows a run until it ends or is closed. */
export function follow(runId: string, listener: Listener): Followed {
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let attempts = 0;
  let seq = 0;

  const connect = () => {
    clearTimeout(timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const since = seq > 0 ? `?since=${seq}` : "";
    const own = new WebSocket(`${scheme}//${location.host}/api/tests/ws/${encodeURIComponent(runId)}${since}`);
    socket = own;
    own.onopen = () => {
      own.send(JSON.stringify({ token: token() }));
      listener.onLink({ isLinked: true, nextAttemptMs: null });
    };
    own.onmessage = (event) => {
      if (own !== socket) return;
      const message = read(event.data);
      if (!message || message.seq <= seq) return;
      if (message.type === "snapshot") listen(own);
      if (seq > 0 && attempts > 0 && message.seq > seq + 1) listener.onGap();
      attempts = 0;
      seq = message.seq;
      listener.onMessage(message);
      if (message.type === "end") close();
    };
    own.onclose = (event) => { if (own === socket) broken(event.code); };
  };
  const listen = (own: WebSocket) => {
    clearTimeout(silence);
    silence = setTimeout(() => { if (own === socket && !isOver) { own.close(); broken(0); } }, SILENCE_MS);
  };
  const broken = (code: number) => {
    if (isOver) return;
    socket = null;
    clearTimeout(silence);
    if (REFUSALS.includes(code)) { close(); return listener.onRefused(); }
    const wait = WAITS_MS[Math.min(attempts, WAITS_MS.length - 1)] ?? 0;
    attempts += 1;
    listener.onLink({ isLinked: false, nextAttemptMs: Date.now() + wait });
    timer = setTimeout(connect, wait);
  };
  const retryNow = () => { if (!isOver && socket === null) connect(); };
  const close = () => {
    isOver = true;
    clearTimeout(timer);
    clearTimeout(silence);
    removeEventListener("online", retryNow);
    socket?.close();
  };
  addEventListener("online", retryNow);
  connect();
  return { close, retryNow };
}

/** A message of a version that this page knows; null for anything else. */
export function read(text: unknown): Message | null {
  try {
    const message = JSON.parse(String(text)) as Message;
    return message.v === 1 && typeof message.seq === "number" ? message : null;
  } catch {
    return null;
  }
}
