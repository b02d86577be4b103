// One run: its record, its stored series and, while it goes on, its live stream.

import { useEffect, useState } from "react";
import { api } from "../api/client";
import { follow } from "../api/stream";
import type { Range } from "../charts/TimeChart";
import { afterMessage, isOver, modelOf, NOTHING_LIVE, pointsOf, stateOf, type Live, type Point } from "../model/run";
import { RunBody } from "../parts/RunBody";
import { asError, useLoaded } from "./loading";
import { Banner, Failure, Loading } from "./states";
import { RunHead } from "./Top";

interface Props { id: string; memoryTotalBytes: number | null; onChanged: () => void }

export function Run({ id, memoryTotalBytes, onChanged }: Props) {
  const record = useLoaded(id, () => api.run(id), null);
  const [live, setLive] = useState<Live>(NOTHING_LIVE);
  const [stored, setStored] = useState<Point[]>([]);
  const [isLinked, setLinked] = useState(true);
  const [range, setRange] = useState<Range>(null);
  const [isWhole, setWhole] = useState(false);
  const [problem, setProblem] = useState("");
  const state = record.value ? stateOf(record.value) : null;
  const goesOn = state !== null && !isOver(state);

  useEffect(() => {
    setLive(NOTHING_LIVE);
    setStored([]);
    setRange(null);
    setWhole(false);
  }, [id]);

  useEffect(() => {
    if (!goesOn) return;
    return follow(id, {
      onLink: setLinked,
      onMessage: (message) => {
        setLive((now) => afterMessage(now, message));
        if (message.type === "end") { record.reload(); onChanged(); }
      },
    });
  }, [id, goesOn]);

  // A run that has ended is shown whole; of a live one the past is fetched when somebody wants to see it.
  const wantsPast = (state !== null && !goesOn) || isWhole;
  useEffect(() => {
    if (!wantsPast) return;
    let isGone = false;
    const load = () => api.series(id).then(
      (series) => { if (!isGone) setStored(pointsOf(series)); },
      (error: unknown) => { if (!isGone) setProblem(`The course of this run cannot be read: ${asError(error).message}`); },
    );
    void load();
    return () => { isGone = true; };
  }, [id, wantsPast]);

  if (!record.value) {
    return record.error ? <Failure error={record.error} retry={record.reload} /> : <Loading what="the run" />;
  }
  const model = modelOf(record.value, stored, live, memoryTotalBytes);
  const act = (verb: "stop" | "pause" | "resume") =>
    api.act(id, verb).then(() => { setProblem(""); onChanged(); }, (error: unknown) => setProblem(asError(error).message));
  return (
    <main>
      <RunHead model={model}>
        {isOver(model.state) ? <Files id={id} onProblem={setProblem} onRemoved={onChanged} /> : <Controls act={act} events={live.events} />}
      </RunHead>
      {!isLinked && !isOver(model.state) && (
        <Banner words="The live stream broke; the page is taking it up again. The run goes on: rhaid makes the load, not this page." />
      )}
      {problem && <Banner words={problem} action={{ label: "Close", run: () => setProblem("") }} />}
      <div className="zoom" role="group" aria-label="Part of the run that the charts show">
        {goesOn && <button type="button" aria-pressed={!isWhole} onClick={() => { setWhole(false); setRange(null); }}>Latest</button>}
        {goesOn && <button type="button" aria-pressed={isWhole} onClick={() => { setWhole(true); setRange(null); }}>Whole run</button>}
        {range && <button type="button" onClick={() => setRange(null)}>Show all again</button>}
        <span className="note">Drag across a chart to zoom, double-click to go back.</span>
      </div>
      <RunBody model={model} range={range} onZoom={setRange} />
    </main>
  );
}

function Controls({ act, events }: { act: (verb: "stop" | "pause" | "resume") => void; events: Live["events"] }) {
  const turned = events.filter((event) => event.kind === "paused" || event.kind === "resumed").at(-1);
  const isPaused = turned?.kind === "paused";
  return (
    <>
      <button type="button" onClick={() => act(isPaused ? "resume" : "pause")}>{isPaused ? "Resume" : "Pause"}</button>
      <button type="button" className="stop" onClick={() => act("stop")}>Stop</button>
    </>
  );
}

function Files({ id, onProblem, onRemoved }: { id: string; onProblem: (words: string) => void; onRemoved: () => void }) {
  const save = async (format: string) => {
    try {
      const address = URL.createObjectURL(await api.report(id, format));
      const link = document.createElement("a");
      link.href = address;
      link.download = `rhaid-${id}.${format}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    } catch (error) {
      onProblem(`The report could not be had: ${asError(error).message}`);
    }
  };
  const remove = async () => {
    if (!confirm("Delete this run and all its points? This cannot be undone.")) return;
    try {
      await api.remove(id);
      location.hash = "#/";
      onRemoved();
    } catch (error) {
      onProblem(asError(error).message);
    }
  };
  return (
    <>
      {["html", "json", "md", "csv"].map((format) => (
        <button key={format} type="button" onClick={() => void save(format)} title={`Save the report as ${format}`}>{format}</button>
      ))}
      <button type="button" className="stop" onClick={() => void remove()}>Delete</button>
    </>
  );
}
