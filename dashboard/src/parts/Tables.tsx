// Tables of a run: steps, endpoints of a benchmark, thresholds, checks, errors, phases.

import type { ReactNode } from "react";
import type { Endpoint, Interval, RunRecord } from "../api/shapes";
import { count, ms, perSecond, share, span } from "../model/figures";
import type { RunModel } from "../model/run";

/// Columns of words, which begin at the left; figures end at the right.
const WORDS = ["Message", "Why", "Kind", "Event", "For", "Verdict", "Numbers"];

/** A table that scrolls by itself, also by keyboard. */
export function Table(props: { title: string; heads: string[]; children: ReactNode; note?: string }) {
  return (
    <section className="card">
      <header><h3>{props.title}</h3>{props.note && <span className="note">{props.note}</span>}</header>
      <div className="scroll" tabIndex={0} role="region" aria-label={props.title}>
        <table>
          <thead><tr>{props.heads.map((head) => <th key={head} scope="col" className={WORDS.includes(head) ? "left" : ""}>{head}</th>)}</tr></thead>
          <tbody>{props.children}</tbody>
        </table>
      </div>
    </section>
  );
}

export function Word({ tone, children }: { tone: string; children: ReactNode }) {
  return <b className={`word tone-${tone}`}>{children}</b>;
}

interface StepRow { name: string; count: number; failed: number; rate: number | null; p50_ms: number | null; p95_ms: number | null; p99_ms: number | null }

/** Steps of the record, which is read again and again while the run goes on; from the stream their latest rate, and steps that are new. */
export function stepRows(model: RunModel): StepRow[] {
  const { snapshot, record } = model;
  const latest = new Map((snapshot?.steps ?? []).map((step) => [step.name, step]));
  const rateOf = (count: number) => count / (snapshot?.interval_s || 1);
  const known: StepRow[] = (record.steps ?? []).map((step) => {
    const times = step.http_req_response_time;
    const rate = snapshot ? rateOf(latest.get(step.name)?.count ?? 0) : step.rate_per_s;
    return { name: step.name, count: step.count, failed: step.failed, rate, p50_ms: times.p50, p95_ms: times.p95, p99_ms: times.p99 };
  });
  const names = new Set(known.map((row) => row.name));
  const fresh = [...latest.values()].filter((step) => !names.has(step.name)).map((step) => ({ ...step, rate: rateOf(step.count) }));
  return [...known, ...fresh];
}

export function StepTable({ model }: { model: RunModel }) {
  const rows = stepRows(model);
  if (rows.length === 0) {
    return <Blank title="Steps" words="No request has ended yet; each step of the script gets a line with its first one." />;
  }
  return (
    <Table title="Steps" note={model.snapshot ? "the rate of the last second, all else since the start" : ""} heads={["Step", "Requests", "Rate", "Failed", "p50", "p95", "p99"]}>
      {rows.map((row) => (
        <tr key={row.name}>
          <th scope="row">{row.name}</th>
          <td>{count(row.count)}</td>
          <td>{perSecond(row.rate)}</td>
          <td className={row.failed > 0 ? "tone-bad" : ""}>{row.count > 0 ? share(row.failed / row.count) : "–"}</td>
          <td>{ms(row.p50_ms)}</td>
          <td>{ms(row.p95_ms)}</td>
          <td>{ms(row.p99_ms)}</td>
        </tr>
      ))}
    </Table>
  );
}

export function BenchTable({ endpoints }: { endpoints: Endpoint[] }) {
  if (endpoints.length === 0) {
    return <Blank title="Benchmark" words="No endpoint has been measured yet: each is measured alone, one after the other." />;
  }
  return (
    <Table title="Benchmark" note="each endpoint alone; intervals at 95 %"
      heads={["Endpoint", "Users", "Requests", "Rate", "Failed", "p50", "p95", "p99", "max", "Numbers"]}>
      {endpoints.map((row) => (
        <tr key={`${row.name} ${row.task}`}>
          <th scope="row">{row.name}</th>
          <td>{count(row.vus)}</td>
          <td>{count(row.requests)}</td>
          <td>{perSecond(row.rate_per_s)}</td>
          <td className={row.failed > 0 ? "tone-bad" : ""}>{share(row.requests > 0 ? row.failed / row.requests : 0)}</td>
          <td><WithInterval value={row.response_p50_ms} interval={row.p50_interval} /></td>
          <td>{ms(row.response_p95_ms)}</td>
          <td><WithInterval value={row.response_p99_ms} interval={row.p99_interval} /></td>
          <td>{ms(row.response_max_ms)}</td>
          <td className="left"><ValidityWord verdict={row.validity} /></td>
        </tr>
      ))}
    </Table>
  );
}

function WithInterval({ value, interval }: { value: number | null; interval: Interval | null }) {
  if (!interval) return <>{ms(value)}</>;
  const upper = interval.upper_s === null ? "…" : ms(interval.upper_s * 1000);
  return <>{ms(value)} <small>{ms(interval.lower_s * 1000)} to {upper}</small></>;
}

export function ValidityWord({ verdict }: { verdict: string | null }) {
  if (!verdict) return <span className="note">–</span>;
  return <Word tone={verdict === "VALID" ? "good" : verdict === "DEGRADED" ? "warn" : "bad"}>{verdict}</Word>;
}

export function Thresholds({ model }: { model: RunModel }) {
  const rows = model.snapshot?.thresholds ?? model.record.thresholds ?? [];
  if (rows.length === 0) return null;
  return (
    <Table title="Thresholds" heads={["Threshold", "Seen", "Verdict"]}>
      {rows.map((row) => (
        <tr key={row.expression}>
          <th scope="row"><code>{row.expression}</code></th>
          <td>{row.actual === null ? "–" : Number(row.actual.toPrecision(4)).toLocaleString("en")}</td>
          <td className="left"><Word tone={row.passed ? "good" : "bad"}>{row.passed ? "holds" : "broken"}</Word></td>
        </tr>
      ))}
    </Table>
  );
}

export function Checks({ model }: { model: RunModel }) {
  // The record, which is read again every few seconds, also knows the task of each.
  const rows = model.record.checks?.length ? model.record.checks : model.snapshot?.checks ?? [];
  if (rows.length === 0) return null;
  return (
    <Table title="Checks" heads={["Check", "Held", "Failed", "Share"]}>
      {rows.map((row, index) => (
        <tr key={`${row.name} ${index}`}>
          <th scope="row">{row.name}{row.task && <small> in {row.task}</small>}</th>
          <td>{count(row.passes)}</td>
          <td className={row.fails > 0 ? "tone-bad" : ""}>{count(row.fails)}</td>
          <td>{share(row.passes + row.fails > 0 ? row.passes / (row.passes + row.fails) : null)}</td>
        </tr>
      ))}
    </Table>
  );
}

export function Errors({ model }: { model: RunModel }) {
  const rows = model.snapshot?.errors ?? model.record.errors ?? [];
  if (rows.length === 0) return null;
  return (
    <Table title="Errors" heads={["Where", "Kind", "Message", "Times"]}>
      {rows.map((row, index) => (
        <tr key={`${row.name} ${row.kind} ${index}`}>
          <th scope="row">{row.name}</th>
          <td className="left">{row.kind}</td>
          <td className="message">{row.message}</td>
          <td>{count(row.count)}</td>
        </tr>
      ))}
    </Table>
  );
}

export function Phases({ record }: { record: RunRecord }) {
  const rows = record.phases ?? [];
  if (rows.length < 2 || rows.every((row) => row.count === 0)) return null;
  return (
    <Table title="Phases" heads={["Phase", "From", "Length", "Rate", "Failed", "p50", "p95", "p99"]}>
      {rows.map((row) => (
        <tr key={`${row.name} ${row.start_s}`}>
          <th scope="row">{row.name}</th>
          <td>{span(row.start_s)}</td>
          <td>{span(row.end_s - row.start_s)}</td>
          <td>{perSecond(row.rate_per_s)}</td>
          <td>{share(row.error_ratio)}</td>
          <td>{ms(row.http_req_response_time.p50)}</td>
          <td>{ms(row.http_req_response_time.p95)}</td>
          <td>{ms(row.http_req_response_time.p99)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** What was done to the run while it went on: the charts have it as marks, this has it in words. */
export function Events({ model }: { model: RunModel }) {
  if (model.events.length === 0) return null;
  return (
    <Table title="On the way" heads={["At", "Event", "Message"]}>
      {model.events.map((event, index) => (
        <tr key={index}>
          <th scope="row">{span(event.at_s)}</th>
          <td className="left">{event.kind}</td>
          <td className="message">{event.text}</td>
        </tr>
      ))}
    </Table>
  );
}

export function Blank({ title, words }: { title: string; words: string }) {
  return <section className="card"><header><h3>{title}</h3></header><p className="empty">{words}</p></section>;
}
