// What can be done to a run: stopped, paused and scaled while it goes on; saved and deleted after it.

import { useState } from "react";
import { api, type Verb } from "../api/client";
import type { RunModel } from "../model/run";
import { asError } from "./loading";

interface Props { model: RunModel; onDone: () => void; onProblem: (words: string) => void }

export function Controls({ model, onDone, onProblem }: Props) {
  const [busy, setBusy] = useState("");
  const { run_id: id, test_type: type } = model.record;
  const tell = async (what: string, ask: () => Promise<unknown>) => {
    setBusy(what);
    try {
      await ask();
      onDone();
    } catch (error) {
      onProblem(asError(error).message);
    } finally {
      setBusy("");
    }
  };
  const act = (verb: Verb) => void tell(verb, () => api.act(id, verb));
  const isWaiting = model.state === "QUEUED";
  const isStopping = model.events.some((event) => event.kind === "stopping");
  const verb = model.state === "PAUSED" ? "resume" : "pause";
  // Searches and benchmarks choose their own load.
  const canChange = type === "load" && !isWaiting && !isStopping;
  return (
    <>
      {canChange && <Scale model={model} isBusy={busy !== ""} onScale={(load) => void tell("scale", () => api.scale(id, load))} />}
      {canChange && <button type="button" disabled={busy !== ""} onClick={() => act(verb)}>{verb === "resume" ? "Resume" : "Pause"}</button>}
      <button type="button" className="stop" disabled={busy !== ""} onClick={() => act("stop")}
        title={isStopping ? "What still runs is cut off" : "No new iterations begin; running ones may end"}>
        {isWaiting ? "Take from the queue" : isStopping ? "Stop at once" : "Stop"}
      </button>
    </>
  );
}

type Load = { users: number } | { rate: number };

/** Whether the load of a run is a rate of arrivals alone, as `200/s`; users are written `20 VUs`. */
export function isRate(load: string): boolean { return /\/[a-z]+$/.test(load) && !load.includes("VU"); }

function Scale({ model, isBusy, onScale }: { model: RunModel; isBusy: boolean; onScale: (load: Load) => void }) {
  const [text, setText] = useState("");
  const byRate = isRate(model.record.load);
  const amount = Number(text);
  const isFit = text !== "" && amount > 0 && (byRate || Number.isInteger(amount));
  return (
    <form className="scale" aria-label="Change the load" onSubmit={(event) => {
      event.preventDefault();
      if (!isFit) return;
      onScale(byRate ? { rate: amount } : { users: amount });
      setText("");
    }}>
      <input type="number" min={byRate ? "0.1" : "1"} step={byRate ? "any" : "1"} aria-label={byRate ? "New rate per second" : "New number of users"}
        placeholder={byRate ? "rate/s" : String(model.snapshot?.vus ?? "users")} value={text} onChange={(event) => setText(event.target.value)} />
      <button type="submit" disabled={!isFit || isBusy}>{byRate ? "Set rate" : "Set users"}</button>
    </form>
  );
}

export function Files({ id, onProblem, onRemoved }: { id: string; onProblem: (words: string) => void; onRemoved: () => void }) {
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
      <span className="note">Report</span>
      {["html", "json", "md", "csv"].map((format) => (
        <button key={format} type="button" onClick={() => void save(format)} title={`Save the report as ${format}`}>{format}</button>
      ))}
      <button type="button" className="stop" onClick={() => void remove()}>Delete</button>
    </>
  );
}
