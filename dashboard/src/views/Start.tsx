// The form that starts a test.

import { useState } from "react";
import { api } from "../api/client";
import type { ScriptFile, StartRequest } from "../api/shapes";
import { asError } from "./loading";
import { runLink, scriptLink } from "./route";

export interface Wish {
  source: string; url: string; type: StartRequest["test_type"]; load: "users" | "rate"; amount: string; seconds: string;
  name: string; errors: string; slo: string; tags: string;
}

export const FIRST_WISH: Wish = {
  source: "", url: "", type: "load", load: "users", amount: "20", seconds: "60", name: "", errors: "", slo: "", tags: "",
};

/** What is asked of the server, or what is wrong with the form. */
export function requestOf(wish: Wish): StartRequest | string {
  const amount = Number(wish.amount);
  const seconds = Number(wish.seconds);
  if (wish.source === "" && !/^https?:\/\/\S+$/i.test(wish.url)) return "Choose a script, or give the http(s) address to load.";
  if (wish.type !== "stress" && !(amount > 0)) return wish.load === "users" ? "At least one user is needed." : "The rate has to be above zero.";
  if (wish.type === "load" && !(seconds >= 1)) return "The duration is at least one second.";
  if (wish.errors !== "" && !(Number(wish.errors) >= 0 && Number(wish.errors) <= 100)) return "The error threshold is a percentage from 0 to 100.";
  const tags = tagsOf(wish.tags);
  if (typeof tags === "string") return tags;
  const request: StartRequest = { test_type: wish.type };
  if (wish.source !== "") request.script = wish.source; else request.target_url = wish.url;
  if (wish.type !== "stress") request[wish.load] = amount;
  if (wish.type !== "stress" && seconds >= 1) request.duration_seconds = seconds;
  if (wish.name.trim()) request.name = wish.name.trim();
  if (wish.errors !== "") request.error_threshold_percent = Number(wish.errors);
  if (wish.slo.trim()) request.slo = wish.slo.trim();
  if (Object.keys(tags).length > 0) request.tags = tags;
  return request;
}

function tagsOf(text: string): Record<string, string> | string {
  const tags: Record<string, string> = {};
  for (const part of text.split(/[\s,]+/).filter(Boolean)) {
    const [key, ...value] = part.split("=");
    if (!key || value.length === 0) return `“${part}” is no tag: write key=value.`;
    tags[key] = value.join("=");
  }
  return tags;
}

export function Start({ scripts, onStarted }: { scripts: ScriptFile[]; onStarted: () => void }) {
  const [wish, setWish] = useState<Wish>(FIRST_WISH);
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const source = wish.source || (wish.url === "" ? scripts[0]?.name ?? "" : "");
  const set = (part: Partial<Wish>) => { setWish({ ...wish, source, ...part }); setProblem(""); };
  const isUrl = source === "";
  const start = async () => {
    const request = requestOf({ ...wish, source });
    if (typeof request === "string") return setProblem(request);
    setBusy(true);
    try {
      const { run_id } = await api.start(request);
      location.hash = runLink(run_id);
      onStarted();
    } catch (error) {
      setProblem(asError(error).message);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="start" aria-label="Start a test" onSubmit={(event) => { event.preventDefault(); void start(); }}>
      <label className="wide">Script
        <select value={source} onChange={(event) => set({ source: event.target.value, url: event.target.value === "" ? "http://" : "" })}>
          {scripts.map((script) => <option key={script.name} value={script.name}>{script.name}</option>)}
          <option value="">an address …</option>
        </select>
      </label>
      <a className="button" href={scriptLink(source)}>{isUrl ? "New script" : "Edit"}</a>
      {isUrl && (
        <label className="wide">Address
          <input type="url" placeholder="http://localhost:8080/" value={wish.url} onChange={(event) => set({ source: "", url: event.target.value })} />
        </label>
      )}
      <label>Type
        <select value={wish.type} onChange={(event) => set({ type: event.target.value as Wish["type"] })}>
          <option value="load">load</option>
          <option value="stress">stress</option>
          <option value="benchmark">benchmark</option>
        </select>
      </label>
      {wish.type !== "stress" && (
        <>
          <label>
            <span>Load</span>
            <span className="pair">
              <input type="number" min="1" step="any" aria-label="Amount of load" value={wish.amount} onChange={(event) => set({ amount: event.target.value })} />
              <select aria-label="Users or rate" value={wish.load} onChange={(event) => set({ load: event.target.value as Wish["load"] })}>
                <option value="users">users</option>
                <option value="rate">per second</option>
              </select>
            </span>
          </label>
          <label>Seconds
            <input type="number" min="1" value={wish.seconds} onChange={(event) => set({ seconds: event.target.value })} />
          </label>
        </>
      )}
      <details>
        <summary>More</summary>
        <div className="more">
          <label>Name <input value={wish.name} onChange={(event) => set({ name: event.target.value })} /></label>
          <label>Errors allowed, % <input type="number" min="0" max="100" step="any" value={wish.errors} onChange={(event) => set({ errors: event.target.value })} /></label>
          <label>Objective <input placeholder="p(99)<300" value={wish.slo} onChange={(event) => set({ slo: event.target.value })} /></label>
          <label>Tags <input placeholder="branch=main, build=12" value={wish.tags} onChange={(event) => set({ tags: event.target.value })} /></label>
        </div>
      </details>
      <button type="submit" className="primary" disabled={isBusy}>{isBusy ? "Starting …" : "Start"}</button>
      {problem && <p className="problem" role="alert">{problem}</p>}
    </form>
  );
}
