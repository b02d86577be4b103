// A search for the breaking point: its answer in words, the search as it narrows, the curve with its knee.

import { KneeChart } from "../charts/KneeChart";
import { SearchChart, VERDICTS } from "../charts/SearchChart";
import { ms, perSecond, share } from "../model/figures";
import { isOver, type RunModel } from "../model/run";
import { Table, Word } from "./Tables";

export function StressCard({ model }: { model: RunModel }) {
  const { record, probes } = model;
  const isRunning = !isOver(model.state);
  const head = record.stress;
  const bounds = probes.at(-1)?.bounds ?? [null, null];
  const best = record.max_sustainable;
  return (
    <>
      <section className="card stress">
        <header>
          <h3>Breaking point</h3>
          <span className="note">{[head?.strategy, head?.objective ?? (head ? `at most ${share(head.error_threshold)} bad` : null)].filter(Boolean).join(", ")}</span>
        </header>
        <dl className="answers">
          <div><dt>Bears</dt><dd>{best ? perSecond(best.lower) : bounds[0] === null ? (isRunning ? "not known yet" : "not found") : `at least ${perSecond(bounds[0])}`}</dd>
            <dd className="note">{best?.confirmed ? "confirmed by a longer probe" : best?.confirmed === false ? "a longer probe did not confirm it" : ""}</dd></div>
          <div><dt>Breaks</dt><dd>{record.breakdown ? perSecond(record.breakdown.value) : bounds[1] === null ? (isRunning ? "not known yet" : "not found") : `at most ${perSecond(bounds[1])}`}</dd>
            <dd className="note">{record.breakdown?.first_failure ? `first by ${record.breakdown.first_failure}` : ""}</dd></div>
          <div><dt>Capacity</dt><dd>{record.capacity ? perSecond(record.capacity.value) : "–"}</dd>
            <dd className="note">{record.capacity ? `± ${perSecond(record.capacity.standard_error)}` : "what it finishes at most"}</dd></div>
          <div><dt>First to give</dt><dd>{record.bottleneck?.resource ?? (isRunning ? "told at the end" : "–")}</dd>
            <dd className="note">{record.bottleneck ? `confidence ${record.bottleneck.confidence}` : ""}</dd></div>
        </dl>
        {head?.is_generator_limited && <p className="notice tone-bad">The generator was the limit: these figures say nothing of the target. Give it more cores or another machine.</p>}
        {head?.irregular?.map((words) => <p key={words} className="notice">{words}</p>)}
        <div className="halves">
          <div><h4>The search</h4><SearchChart probes={probes} isRunning={isRunning} /></div>
          <div><h4>The curve</h4><KneeChart record={record} isRunning={isRunning} /></div>
        </div>
        {record.bottleneck && <p className="words">{record.bottleneck.words}</p>}
        {record.knee?.words?.map((words) => <p key={words} className="words">{words}</p>)}
      </section>
      {probes.length > 0 && (
        <Table title="Probes" heads={["Probe", "For", "Offered", "Achieved", "Bad", "p50", "p99", "Verdict", "Why"]}>
          {probes.map((probe) => {
            const look = VERDICTS[probe.verdict] ?? VERDICTS.not_judged;
            return (
              <tr key={probe.number}>
                <th scope="row">{probe.number}</th>
                <td className="left">{probe.purpose.replace("_", " ")}</td>
                <td>{perSecond(probe.offered_per_s)}</td>
                <td>{perSecond(probe.achieved_per_s)}</td>
                <td>{share(probe.error_ratio)}</td>
                <td>{ms(probe.response_p50_ms)}</td>
                <td>{ms(probe.response_p99_ms)}</td>
                <td className="left"><Word tone={look.tone}>{look.sign} {look.word}</Word></td>
                <td className="message">{probe.reason}</td>
              </tr>
            );
          })}
        </Table>
      )}
    </>
  );
}
