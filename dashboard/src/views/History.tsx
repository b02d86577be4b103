// All runs: sorted, filtered, two of them compared.

import { useMemo, useState } from "react";
import type { RunRow } from "../api/shapes";
import { count, moment, ms, perSecond, share, span } from "../model/figures";
import { stateOf, stateWord } from "../model/run";
import { ValidityWord } from "../parts/Tables";
import { compareLink, runLink } from "./route";

type Key = "started_at" | "name" | "test_type" | "elapsed_s" | "requests" | "throughput" | "error_ratio" | "response_time_p95_ms";
const COLUMNS: { key: Key; head: string }[] = [
  { key: "started_at", head: "Began" },
  { key: "name", head: "Name" },
  { key: "test_type", head: "Type" },
  { key: "elapsed_s", head: "Length" },
  { key: "requests", head: "Requests" },
  { key: "throughput", head: "Throughput" },
  { key: "error_ratio", head: "Errors" },
  { key: "response_time_p95_ms", head: "p95" },
];

export interface Order { key: Key; isRising: boolean }

/** Rows in an order; a missing figure comes last either way. */
export function sorted(rows: RunRow[], order: Order): RunRow[] {
  const sign = order.isRising ? 1 : -1;
  return [...rows].sort((a, b) => {
    const [x, y] = [a[order.key], b[order.key]];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return sign * (typeof x === "string" ? x.localeCompare(String(y)) : x - Number(y));
  });
}

/** Every word has to be found in the name, type, state, id or a tag. */
export function matching(rows: RunRow[], text: string): RunRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    const tags = Object.entries(row.tags).map(([key, value]) => `${key}=${value}`);
    const all = [row.name, row.test_type, stateOf(row), stateWord(stateOf(row)), row.run_id, `#${row.id}`, row.validity ?? "", ...tags].join(" ").toLowerCase();
    return words.every((word) => all.includes(word));
  });
}

export function History({ rows, shown }: { rows: RunRow[]; shown: string | null }) {
  const [text, setText] = useState("");
  const [order, setOrder] = useState<Order>({ key: "started_at", isRising: false });
  const [picked, setPicked] = useState<string[]>([]);
  const visible = useMemo(() => sorted(matching(rows, text), order), [rows, text, order]);
  const pick = (id: string) =>
    setPicked((now) => (now.includes(id) ? now.filter((other) => other !== id) : [...now.slice(-1), id]));
  const [a, b] = picked;
  return (
    <section className="card history" aria-label="History">
      <header>
        <h3>History</h3>
        <label>Filter <input type="search" placeholder="name, type, state, tag=value" value={text} onChange={(event) => setText(event.target.value)} /></label>
        {a && b ? <a className="button" href={compareLink(a, b)}>Compare the two</a> : <span className="note">Tick two runs to compare them.</span>}
      </header>
      {visible.length === 0 && <p className="empty">No run matches “{text}”. <button type="button" onClick={() => setText("")}>Show all {rows.length}</button></p>}
      {visible.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label="Table of runs">
          <table>
            <thead>
              <tr>
                <th scope="col"><span className="unseen">Compare</span></th>
                {COLUMNS.map((column) => (
                  <th key={column.key} scope="col" aria-sort={order.key === column.key ? (order.isRising ? "ascending" : "descending") : "none"}>
                    <button type="button" onClick={() => setOrder({ key: column.key, isRising: order.key === column.key ? !order.isRising : false })}>
                      {column.head} <span aria-hidden="true">{order.key === column.key ? (order.isRising ? "▲" : "▼") : ""}</span>
                    </button>
                  </th>
                ))}
                <th scope="col">State</th>
                <th scope="col">Numbers</th>
                <th scope="col">Tags</th>
              </tr>
            </thead>
            <tbody>
              {visible.map((row) => (
                <tr key={row.run_id} className={row.run_id === shown || String(row.id) === shown ? "shown" : ""}>
                  <td><input type="checkbox" aria-label={`Compare ${row.name} of ${moment(row.started_at)}`} checked={picked.includes(row.run_id)} onChange={() => pick(row.run_id)} /></td>
                  <td>{moment(row.started_at)}</td>
                  <th scope="row"><a href={runLink(row.run_id)}>{row.name}</a></th>
                  <td>{row.test_type}</td>
                  <td>{span(row.elapsed_s)}</td>
                  <td>{count(row.requests)}</td>
                  <td>{perSecond(row.throughput)}</td>
                  <td className={row.error_ratio > 0.01 ? "tone-bad" : ""}>{share(row.error_ratio)}</td>
                  <td>{ms(row.response_time_p95_ms)}</td>
                  <td>{stateWord(stateOf(row))}</td>
                  <td><ValidityWord verdict={row.validity} /></td>
                  <td>{Object.entries(row.tags).map(([key, value]) => (
                    <button key={key} type="button" className="tag" title="Show only runs with this tag" onClick={() => setText(`${key}=${value}`)}>{key}={value}</button>
                  ))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
