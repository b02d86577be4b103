// The figures that are looked at first.

import { count, ms, perSecond, share, span } from "../model/figures";
import { errorLimits, timeLimits, type RunModel } from "../model/run";

export function Kpis({ model }: { model: RunModel }) {
  const { record, snapshot } = model;
  const times = record.totals?.http_req_response_time;
  // One second of a slow run has too few requests for a p95; the whole run so far may have enough.
  const isOfSecond = snapshot !== null && snapshot.p95_ms !== null;
  const p95 = isOfSecond ? snapshot.p95_ms : times?.p95 ?? null;
  const errors = snapshot ? snapshot.error_ratio : record.totals?.error_ratio ?? null;
  const totals = snapshot?.totals ?? record.totals;
  const limit = timeLimits(record.thresholds ?? []).find((line) => line.label.startsWith("p(95)"));
  const most = errorLimits(record.thresholds ?? [])[0];
  const isSlow = limit !== undefined && p95 !== null && p95 > limit.value;
  const isFailing = errors !== null && errors * 100 > (most?.value ?? 5);
  return (
    <section className="kpis" aria-label="Key figures" data-seq={model.seq}>
      <Kpi name="Throughput" value={perSecond(snapshot ? snapshot.rate_per_s * (1 - snapshot.error_ratio) : record.totals?.throughput)}
        note={`${count(totals?.requests)} requests${totals && totals.dropped > 0 ? `, ${count(totals.dropped)} dropped` : ""}`} />
      <Kpi name="Error rate" value={share(errors)} tone={isFailing ? "bad" : "good"}
        note={`${count(totals?.failed)} failed${most ? `, ${most.label}` : ""}`} />
      <Kpi name="p95 response time" value={ms(p95)} tone={isSlow ? "bad" : ""}
        note={snapshot && !isOfSecond ? (p95 === null ? "too few requests yet" : "of the whole run so far") : limit ? limit.label : `p99 ${ms(snapshot ? snapshot.p99_ms : times?.p99)}`} />
      <Kpi name="Run" value={record.id ? `#${record.id}` : model.state === "QUEUED" ? "waiting" : "not stored"} note={record.run_id} isId />
      <Kpi name="Test type" value={record.test_type} note={`${record.load}, ${span(snapshot?.at_s ?? record.elapsed_s)}`} />
    </section>
  );
}

function Kpi(props: { name: string; value: string; note: string; tone?: string; isId?: boolean }) {
  return (
    <div className="card kpi">
      <h3>{props.name}</h3>
      <p className={`value${props.tone ? ` tone-${props.tone}` : ""}`}>{props.value}</p>
      <p className={props.isId ? "note id" : "note"} title={props.note}>{props.note}</p>
    </div>
  );
}
