// The charts of a run, with one cursor and one zoom.

import { useMemo } from "react";
import { TimeChart, type Range } from "../charts/TimeChart";
import { count, ms, perSecond } from "../model/figures";
import { errorLimits, timeLimits, type Point, type RunModel } from "../model/run";

interface Props { model: RunModel; range: Range; onZoom: (range: Range) => void }

const percent = (value: number | null | undefined) =>
  value === null || value === undefined ? "–" : `${Number(value.toPrecision(3))} %`;

export function Charts({ model, range, onZoom }: Props) {
  const { points, record } = model;
  const times = useMemo(() => points.map((point) => point.t), [points]);
  const column = (of: (point: Point) => number | null) => points.map(of);
  const bands = (record.phases ?? []).map((phase) => ({ label: phase.name, from: phase.start_s, to: phase.end_s }));
  // A mark has room for a word or two; the table of events has the sentence.
  const marks = model.events.map((event) => ({ label: event.kind === "scaled" ? event.text.replace(/ from now on$/, "") : event.kind, at: event.at_s }));
  const thresholds = record.thresholds ?? model.snapshot?.thresholds ?? [];
  const shared = { times, bands, marks, range, onZoom };
  // A chart that could only be empty takes no place.
  const hasFlights = points.some((point) => point.inFlight !== null);
  const hasUsers = points.some((point) => point.vus !== null);
  return (
    <>
      <TimeChart {...shared} title="Throughput" show={perSecond} least={1}
        lines={[{ label: "requests", tint: "throughput", values: column((p) => p.rate), filled: true }]} />
      <TimeChart {...shared} title="Response time" show={ms} limits={timeLimits(thresholds)}
        lines={[
          { label: "p50", tint: "p50", values: column((p) => p.p50) },
          { label: "p95", tint: "p95", values: column((p) => p.p95) },
          { label: "p99", tint: "p99", values: column((p) => p.p99) },
        ]} />
      <TimeChart {...shared} title="Errors" show={percent} least={1} limits={errorLimits(thresholds)}
        lines={[{ label: "failed", tint: "bad", values: column((p) => (p.errors === null ? null : p.errors * 100)), filled: true }]} />
      {(hasUsers || hasFlights || points.length === 0) && <TimeChart {...shared} title={hasUsers ? "Active users" : "In flight"} show={count} least={1}
        lines={[
          ...(hasUsers ? [{ label: "users", tint: "users", values: column((p) => p.vus), filled: true }] : []),
          { label: "in flight", tint: "p50", values: column((p) => p.inFlight), dashed: true },
        ]} />}
    </>
  );
}
