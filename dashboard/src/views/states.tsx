// What is shown when there is nothing to show: always what is the matter, and what to do.

import { Component, useEffect, useState, type ErrorInfo, type ReactNode } from "react";
import { ApiError, keepToken } from "../api/client";
import type { Link } from "../api/stream";

export function Loading({ what }: { what: string }) {
  return <section className="card state" aria-busy="true"><p role="status">Loading {what} …</p><div className="bar" /></section>;
}

export function Failure({ error, retry }: { error: Error; retry: () => void }) {
  if (error instanceof ApiError && error.isUnauthorized) return <AskToken retry={retry} />;
  const isMissing = error instanceof ApiError && error.status === 404;
  const isGone = error instanceof ApiError && error.isDisconnected;
  return (
    <section className="card state" role="alert">
      <h2>{isGone ? "rhaid does not answer" : isMissing ? "It is not here" : "That did not work"}</h2>
      <p>{isGone ? "See whether `rhaid serve` is still running in its terminal; this page tries again by itself." : error.message}</p>
      {isMissing && <p>It may have been deleted. <a href="#/">Show the latest run</a>, or choose one from the history.</p>}
      <button type="button" onClick={retry}>Try again</button>
    </section>
  );
}

export function AskToken({ retry }: { retry: () => void }) {
  const [text, setText] = useState("");
  return (
    <section className="card state" role="alert">
      <h2>This page needs the token of `rhaid serve`</h2>
      <p>Open the link that `rhaid serve` printed, or paste the link or its token here.</p>
      <form onSubmit={(event) => {
        event.preventDefault();
        keepToken(decodeURIComponent(/token=([^&\s]+)/.exec(text)?.[1] ?? text));
        retry();
      }}>
        <label>Token <input type="password" autoComplete="off" value={text} onChange={(event) => setText(event.target.value)} /></label>
        <button type="submit" disabled={text.trim() === ""}>Use it</button>
      </form>
    </section>
  );
}

export function Banner({ words, action }: { words: string; action?: { label: string; run: () => void } }) {
  return (
    <div className="banner" role="status">
      <span>{words}</span>
      {action && <button type="button" onClick={action.run}>{action.label}</button>}
    </div>
  );
}

/** The live stream is broken: until when the page waits, and a way not to wait. */
export function Broken({ link, retry }: { link: Link; retry: () => void }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const left = link.nextAttemptMs === null ? 0 : Math.max(0, Math.ceil((link.nextAttemptMs - now) / 1000));
  const when = left > 0 ? `The page tries again in ${left} s` : "The page is trying again";
  return <Banner words={`Disconnected: the live figures stand still. ${when}; the run itself goes on without it.`} action={{ label: "Reconnect now", run: retry }} />;
}

/** A fault of the page itself: said, with a way on, instead of an empty window. */
export class Guard extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null as Error | null };
  static getDerivedStateFromError(error: Error) { return { error }; }
  override componentDidCatch(error: Error, info: ErrorInfo) { console.error(error, info.componentStack); }
  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <section className="card state" role="alert">
        <h2>This view has a fault</h2>
        <p>{this.state.error.message}</p>
        <p>The run itself is not touched by it. `rhaid report` on a terminal shows the same figures.</p>
        <button type="button" onClick={() => this.setState({ error: null })}>Show it again</button>
      </section>
    );
  }
}
