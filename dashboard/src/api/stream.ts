// The live stream of one run over a WebSocket, taken up again where it broke.

import { token } from "./client";
import type { Message } from "./shapes";

/// Waits between attempts, in milliseconds; the last one repeats.
const WAITS_MS = [500, 1_000, 2_000, 4_000, 8_000];

export interface Listener {
  onMessage(message: Message): void;
  onLink(isLinked: boolean): void;
}

/** Follows a run until it ends or the returned function is called. */
export function follow(runId: string, listener: Listener): () => void {
  let socket: WebSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let attempts = 0;
  let seq = 0;

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const since = seq > 0 ? `?since=${seq}` : "";
    socket = new WebSocket(`${scheme}//${location.host}/api/tests/ws/${encodeURIComponent(runId)}${since}`);
    socket.onopen = () => socket?.send(JSON.stringify({ token: token() }));
    socket.onmessage = (event) => {
      const message = read(event.data);
      if (!message || message.seq <= seq) return;
      attempts = 0;
      seq = message.seq;
      listener.onLink(true);
      listener.onMessage(message);
      if (message.type === "end") close();
    };
    socket.onclose = () => {
      if (isOver) return;
      listener.onLink(false);
      const wait = WAITS_MS[Math.min(attempts, WAITS_MS.length - 1)];
      attempts += 1;
      timer = setTimeout(connect, wait);
    };
  };
  const close = () => {
    isOver = true;
    clearTimeout(timer);
    socket?.close();
  };
  connect();
  return close;
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
