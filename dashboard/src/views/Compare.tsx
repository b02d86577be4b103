// Two runs beside each other: what can be said of each step, and their courses in one chart.

import { useState } from "react";
import { api, ApiError } from "../api/client";
import type { Comparison, Figure, SeriesPoint } from "../api/shapes";
import { TimeChart, type Range } from "../charts/TimeChart";
import { change, moment, ms, perSecond, share } from "../model/figures";
import { Table, ValidityWord, Word } from "../parts/Tables";
import { useLoaded } from "./loading";
import { compareLink, runLink } from "./route";
import { Failure, Loading } from "./states";

const TONES: Record<string, string> = { faster: "good", slower: "bad", same: "muted" };

export function Compare({ a, b, force }: { a: string; b: string; force: boolean }) {
  const asked = useLoaded(`${a} ${b} ${force}`, async () => {
    const [comparison, ofA, ofB] = await Promise.all([api.compare(a, b, force), api.series(a), api.series(b)]);
    return { comparison, ofA, ofB };
  }, null);
  if (asked.error instanceof ApiError && asked.error.status === 409 && !force) {
    return (
      <section className="card state" role="alert">
        <h2>These runs are too unlike</h2>
        <p>{asked.error.message}</p>
        <p>What they measured is not the same thing, so a verdict would say little. They can be shown beside each other all the same.</p>
        <a className="button" href={compareLink(a, b, true)}>Compare anyway</a>
      </section>
    );
  }
  if (!asked.value) return asked.error ? <Failure error={asked.error} retry={asked.reload} /> : <Loading what="both runs" />;
  return <Compared {...asked.value} force={force} />;
}

/** The points of two runs on one axis of seconds; where one has none there is a gap. */
export function overlaid(a: SeriesPoint[], b: SeriesPoint[], of: (point: SeriesPoint) => number | null) {
  const second = (point: SeriesPoint) => Math.round(point.second);
  const [ofA, ofB] = [a, b].map((list) => new Map(list.map((point) => [second(point), of(point)])));
  const times = [...new Set([...a, ...b].map(second))].sort((x, y) => x - y);
  return { times, a: times.map((t) => ofA?.get(t) ?? null), b: times.map((t) => ofB?.get(t) ?? null) };
}

interface ComparedProps { comparison: Comparison; ofA: SeriesPoint[]; ofB: SeriesPoint[]; force: boolean }

export function Compared({ comparison, ofA, ofB, force }: ComparedProps) {
  const [range, setRange] = useState<Range>(null);
  const charts: [string, (point: SeriesPoint) => number | null, typeof ms][] = [
    ["Throughput", (p) => p.rate_per_s, perSecond],
    ["p50", (p) => p.p50_ms, ms],
    ["p95", (p) => p.p95_ms, ms],
    ["p99", (p) => p.p99_ms, ms],
  ];
  const steps = [...comparison.steps, ...(comparison.totals ? [{ ...comparison.totals, name: comparison.totals.name || "all steps" }] : [])];
  return (
    <main>
      <section className="run-title">
        <div>
          <h1>Two runs compared</h1>
          <p><span>one run against one run is a hint, not a proof</span></p>
        </div>
        <div className="actions"><a className="button" href={compareLink(comparison.b.run_id, comparison.a.run_id, force)}>Swap A and B</a></div>
      </section>
      <div className="halves">
        {(["a", "b"] as const).map((key) => (
          <section key={key} className="card">
            <header><h3>{key.toUpperCase()}</h3><ValidityWord verdict={comparison[key].validity} /></header>
            <p><a href={runLink(comparison[key].run_id)}>{comparison[key].name}</a> <span className="note">of {moment(comparison[key].started_at)}</span></p>
          </section>
        ))}
      </div>
      {[...(comparison.differences ?? []), ...(comparison.notes ?? [])].map((words) => <p key={words} className="notice">{words}</p>)}
      <Table title="What changed from A to B" heads={["Step", "Verdict", "p50", "p95", "p99", "Rate", "Errors"]}>
        {steps.map((step) => (
          <tr key={step.name}>
            <th scope="row">{step.name}</th>
            <td className="left"><Word tone={TONES[step.verdict] ?? "warn"}>{step.verdict}</Word>{step.reason && <small className="under">{step.reason}</small>}</td>
            <Pair figure={step.p50} show={ms} />
            <Pair figure={step.p95} show={ms} />
            <Pair figure={step.p99} show={ms} />
            <Pair figure={step.rate_per_s} show={perSecond} />
            <Pair figure={step.error_ratio} show={share} />
          </tr>
        ))}
      </Table>
      <div className="charts">
        {charts.map(([title, of, show]) => {
          const both = overlaid(ofA, ofB, of);
          // A chart that could only be empty takes no place.
          if ([...both.a, ...both.b].every((value) => value === null)) return null;
          return (
            <TimeChart key={title} title={title} times={both.times} show={show} range={range} onZoom={setRange}
              lines={[{ label: "A", tint: "users", values: both.a }, { label: "B", tint: "p95", values: both.b, dashed: true }]} />
          );
        })}
      </div>
    </main>
  );
}

function Pair({ figure, show }: { figure: Figure | undefined; show: (value: number | null) => string }) {
  if (!figure || (figure.a === null && figure.b === null)) return <td>–</td>;
  return <td>{show(figure.a)} → {show(figure.b)}<small className="under">{figure.change_percent === null ? "" : change(figure.change_percent)}</small></td>;
}
