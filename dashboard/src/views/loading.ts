// Values that come from the server: asked for again at intervals, kept while the next answer is on its way.

import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/client";

export interface Loaded<T> { value: T | null; error: Error | null; reload: () => void }

/** Asks at once, whenever `key` changes, and every `everyMs` while that is not null. */
export function useLoaded<T>(key: string, ask: () => Promise<T>, everyMs: number | null): Loaded<T> {
  const [state, setState] = useState<{ key: string; value: T | null; error: Error | null }>({ key, value: null, error: null });
  const [turn, setTurn] = useState(0);
  const question = useRef(ask);
  question.current = ask;
  useEffect(() => {
    let isGone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const once = async () => {
      try {
        const value = await question.current();
        if (!isGone) setState({ key, value, error: null });
      } catch (error) {
        if (!isGone) setState((now) => ({ key, value: now.key === key ? now.value : null, error: asError(error) }));
      }
      if (!isGone && everyMs !== null) timer = setTimeout(() => void once(), everyMs);
    };
    void once();
    return () => { isGone = true; clearTimeout(timer); };
  }, [key, everyMs, turn]);
  const reload = useCallback(() => setTurn((now) => now + 1), []);
  const isCurrent = state.key === key;
  return { value: isCurrent ? state.value : null, error: isCurrent ? state.error : null, reload };
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new ApiError(0, "unknown", String(error));
}
