// The head of the page: what runs, how far it is, how to stop it, how to start another.

import type { ReactNode } from "react";
import { setTheme, useTheme } from "../charts/theme";
import { count, span } from "../model/figures";
import { isOver, stateWord, type RunModel } from "../model/run";

const TONES: Record<string, string> = {
  RUNNING: "live", PAUSED: "warn", STRESS_BINARY_SEARCH: "live", QUEUED: "muted", COMPLETED: "good", STOPPED: "warn", INTERRUPTED: "warn", ERROR: "bad",
};

interface TopProps { children?: ReactNode; version?: string | undefined; queued?: number | undefined }

export function Top({ children, version, queued = 0 }: TopProps) {
  const theme = useTheme();
  return (
    <header className="top">
      <div className="brand">
        <a href="#/" aria-label="rhaid, to the start page"><b>rhaid</b></a>
        {version && <span className="note">{version}</span>}
        {queued > 0 && <span className="chip chip-warn" title="Tests run one after the other">{queued} waiting</span>}
        <span className="grow" />
        <button type="button" onClick={() => setTheme(theme === "dark" ? "light" : "dark")}>{theme === "dark" ? "Light" : "Dark"}</button>
      </div>
      {children}
    </header>
  );
}

/** The line of the run that is shown. */
export function RunHead({ model, children }: { model: RunModel; children?: ReactNode }) {
  const { record, snapshot, state } = model;
  const progress = snapshot?.progress ?? null;
  const planned = snapshot?.planned_end_s ?? null;
  return (
    <section className="run-head" aria-label="The run that is shown">
      <div className="run-line">
        <div>
          <h1>{record.name}</h1>
          <p>
            <span className={`chip chip-${TONES[state] ?? "muted"}`}>{stateWord(state)}</span>
            <span>{record.test_type}</span>
            <span>{record.load}</span>
            {snapshot?.phase && !isOver(state) && <span>phase {snapshot.phase}</span>}
            <span>{span(snapshot?.at_s ?? record.elapsed_s)}{planned !== null && !isOver(state) ? ` of ${span(planned)}` : ""}</span>
            {snapshot && !isOver(state) && <span>{count(snapshot.vus)} users now</span>}
            {record.plan?.script && <span className="script">{record.plan.script.split("/").at(-1)}</span>}
          </p>
        </div>
        <div className="actions">{children}</div>
      </div>
      {progress !== null && !isOver(state) && <progress max={1} value={progress} aria-label="Progress of the run" />}
    </section>
  );
}
