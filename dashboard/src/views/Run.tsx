// One run: its record, its stored series and, while it goes on, its live stream.

import { useCallback, useEffect, useRef, useState } from "react";
import { api } from "../api/client";
import { follow, type Followed, type Link } from "../api/stream";
import type { Range } from "../charts/TimeChart";
import { afterMessage, isOver, isTorn, modelOf, NOTHING_LIVE, pointsOf, reasonOf, stateOf, type Live, type Point } from "../model/run";
import { RunBody } from "../parts/RunBody";
import { Controls, Files } from "./Controls";
import { asError, useLoaded } from "./loading";
import { Banner, Broken, Failure, Loading } from "./states";
import { RunHead } from "./Top";

interface Props { id: string; memoryTotalBytes: number | null; isServerGone: boolean; onChanged: () => void }

/// How often the record of a run that goes on is read: what it has of each step is of the whole run, the stream's of its last second.
/// It has a sample of each second, so that of a long run is large and changes little.
export function recordEveryMs(elapsedS: number): number { return elapsedS < 300 ? 3_000 : elapsedS < 1_800 ? 10_000 : 60_000; }

const LINKED: Link = { isLinked: true, nextAttemptMs: null };

export function Run({ id, memoryTotalBytes, isServerGone, onChanged }: Props) {
  const [goesOn, setGoesOn] = useState(false);
  const [elapsed, setElapsed] = useState(0);
  const record = useLoaded(id, () => api.run(id), goesOn ? recordEveryMs(elapsed) : null);
  const [range, setRange] = useState<Range>(null);
  const [isWhole, setWhole] = useState(false);
  const [problem, setProblem] = useState("");
  const { live, link, gaps, follower } = useStream(id, goesOn, record.reload, onChanged);
  const state = record.value ? stateOf(record.value) : null;
  useEffect(() => { if (record.value) setElapsed(record.value.elapsed_s); }, [record.value]);
  useEffect(() => {
    if (state === null) return;
    setGoesOn(!isOver(state));
    // The list may not know yet.
    onChanged();
  }, [state]);
  // Before its first second is stored, a run has no more than what was asked for.
  const isBare = record.value !== null && !record.value.totals;
  useEffect(() => { if (isBare && live.seq > 0) record.reload(); }, [isBare, live.seq]);
  const { stored, fault } = useStored(id, live, state !== null && isOver(state), isWhole || range !== null, gaps);

  if (!record.value) {
    return <main>{record.error ? <Failure error={record.error} retry={record.reload} /> : <Loading what="the run" />}</main>;
  }
  const model = modelOf(record.value, stored, live, memoryTotalBytes, !goesOn || isWhole || range !== null);
  const isEnded = isOver(model.state);
  const reason = reasonOf(record.value.error);
  const changed = () => { setProblem(""); record.reload(); onChanged(); };
  const show = (whole: boolean) => { setWhole(whole); setRange(null); };
  return (
    <>
      <RunHead model={model}>
        {isEnded ? <Files id={id} onProblem={setProblem} onRemoved={onChanged} /> : <Controls model={model} onDone={changed} onProblem={setProblem} />}
      </RunHead>
      <main>
        {!link.isLinked && !isEnded && !isServerGone && <Broken link={link} retry={() => follower.current?.retryNow()} />}
        {problem && <Banner words={problem} action={{ label: "Close", run: () => setProblem("") }} />}
        {reason && <Banner words={`This run made no load: ${reason}`} />}
        {fault && <Banner words={fault} />}
        {model.state === "QUEUED" ? <Waiting /> : (
          <>
            <div className="zoom" role="group" aria-label="Part of the run that the charts show">
              {goesOn && <button type="button" aria-pressed={!isWhole && !range} onClick={() => show(false)}>Latest</button>}
              {goesOn && <button type="button" aria-pressed={isWhole && !range} onClick={() => show(true)}>Whole run</button>}
              {!goesOn && range && <button type="button" onClick={() => setRange(null)}>Show the whole run</button>}
              <span className="note">Drag across a chart to zoom, double-click to go back; with the keyboard: arrows, + and −, Escape.</span>
            </div>
            <RunBody model={model} range={range} onZoom={setRange} />
          </>
        )}
      </main>
    </>
  );
}

function Waiting() {
  return (
    <section className="card state">
      <h2>This run waits for its turn</h2>
      <p>Tests run one after the other, so that none disturbs the figures of another. Charts and tables appear here when it begins; the list below says what is before it.</p>
    </section>
  );
}

/** The live stream of a run that goes on. */
function useStream(id: string, goesOn: boolean, reload: () => void, onChanged: () => void) {
  const [live, setLive] = useState<Live>(NOTHING_LIVE);
  const [link, setLink] = useState<Link>(LINKED);
  const [gaps, setGaps] = useState(0);
  const follower = useRef<Followed | null>(null);
  const told = useRef({ reload, onChanged });
  told.current = { reload, onChanged };
  useEffect(() => { setLive(NOTHING_LIVE); setLink(LINKED); }, [id]);
  useEffect(() => {
    if (!goesOn) return;
    let wasBroken = false;
    const again = () => { told.current.reload(); told.current.onChanged(); };
    const followed = follow(id, {
      onLink: (now) => {
        setLink(now);
        // The server may have begun anew meanwhile, and the run be over.
        if (now.isLinked && wasBroken) again();
        wasBroken = !now.isLinked;
      },
      onMessage: (message) => {
        setLive((known) => afterMessage(known, message));
        if (message.type === "end") again();
      },
      onGap: () => setGaps((count) => count + 1),
      onRefused: again,
    });
    follower.current = followed;
    return () => { followed.close(); follower.current = null; setLink(LINKED); };
  }, [id, goesOn]);
  return { live, link, gaps, follower };
}

/** The stored points: once at the beginning, all at the end, and again when charts show a part that the stream has dropped. */
function useStored(id: string, live: Live, isEnded: boolean, wantsPast: boolean, gaps: number) {
  const [stored, setStored] = useState<Point[]>([]);
  const [fault, setFault] = useState("");
  const [isAsking, setAsking] = useState(false);
  const load = useCallback(async () => {
    setAsking(true);
    try {
      setStored(pointsOf(await api.series(id)));
      setFault("");
    } catch (error) {
      setFault(`The course of this run cannot be read: ${asError(error).message}`);
    } finally {
      setAsking(false);
    }
  }, [id]);
  useEffect(() => { setStored([]); }, [id]);
  useEffect(() => { void load(); }, [load, isEnded, gaps]);
  const misses = wantsPast && !isEnded && !isAsking && fault === "" && isTorn(stored, live.points);
  useEffect(() => {
    if (!misses) return;
    // What is stored ends a few seconds before now, so asking at once and again would only repeat the answer.
    const timer = setTimeout(() => void load(), stored.length === 0 ? 0 : 2_000);
    return () => clearTimeout(timer);
  }, [misses, load]);
  return { stored, fault };
}
