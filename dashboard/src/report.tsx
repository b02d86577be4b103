// The report of one run as a single file: the same components over data that is in the page.

import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import "uplot/dist/uPlot.min.css";
import type { RunRecord, SeriesPoint } from "./api/shapes";
import { startTheme } from "./charts/theme";
import type { Range } from "./charts/TimeChart";
import { modelOf, NOTHING_LIVE, pointsOf } from "./model/run";
import { RunBody } from "./parts/RunBody";
import "./style.css";
import { Guard } from "./views/states";
import { RunHead, Top } from "./views/Top";

interface Given { run: RunRecord; series: SeriesPoint[] }

/** The data of this page; null when nothing was put into it. */
export function given(text: string | null | undefined): Given | null {
  try {
    const data = JSON.parse(text ?? "") as Given;
    return data.run ? data : null;
  } catch {
    return null;
  }
}

export function Report({ data }: { data: Given | null }) {
  const [range, setRange] = useState<Range>(null);
  if (!data) {
    return <section className="card state"><h2>This report is empty</h2><p>`rhaid report ID --format html -o run.html` makes one that is not.</p></section>;
  }
  const model = modelOf(data.run, pointsOf(data.series ?? []), NOTHING_LIVE, null);
  return (
    <>
      <Top version={data.run.generator?.version} />
      <RunHead model={model}>{range && <button type="button" onClick={() => setRange(null)}>Show the whole run</button>}</RunHead>
      <main>
        <Guard><RunBody model={model} range={range} onZoom={setRange} /></Guard>
      </main>
    </>
  );
}

const root = document.getElementById("root");
if (root) {
  const data = given(document.getElementById("run-data")?.textContent);
  startTheme();
  if (data) document.title = `${data.run.name}: rhaid report`;
  createRoot(root).render(<StrictMode><Report data={data} /></StrictMode>);
}
