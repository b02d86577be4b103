// Everything that is shown of one run, on the live page and in the report alike.

import type { Range } from "../charts/TimeChart";
import { moment } from "../model/figures";
import type { RunModel } from "../model/run";
import { Charts } from "./Charts";
import { Gauges } from "./Gauges";
import { Kpis } from "./Kpis";
import { StressCard } from "./StressCard";
import { BenchTable, Checks, Errors, Events, Phases, StepTable, Thresholds, ValidityWord } from "./Tables";

interface Props { model: RunModel; range: Range; onZoom: (range: Range) => void }

export function RunBody({ model, range, onZoom }: Props) {
  const { record } = model;
  return (
    <>
      <Kpis model={model} />
      <Validity model={model} />
      {record.test_type === "stress" && <StressCard model={model} />}
      {record.test_type === "benchmark" && <BenchTable endpoints={record.endpoints ?? []} />}
      <div className="with-side">
        <div className="charts"><Charts model={model} range={range} onZoom={onZoom} /></div>
        <aside><Gauges model={model} /><About model={model} /></aside>
      </div>
      <StepTable model={model} />
      <div className="halves">
        <Thresholds model={model} />
        <Checks model={model} />
      </div>
      <Phases record={record} />
      <Errors model={model} />
      <Events model={model} />
    </>
  );
}

function Validity({ model }: { model: RunModel }) {
  const validity = model.record.validity;
  if (!validity) return null;
  const words = [...validity.reasons, ...validity.notes];
  return (
    <section className="card validity">
      <p><ValidityWord verdict={validity.verdict} /> {validity.verdict === "VALID" ? "The generator made this load well." : "Read these figures with care:"}</p>
      {words.length > 0 && <ul>{words.map((word) => <li key={word}>{word}</li>)}</ul>}
    </section>
  );
}

function About({ model }: { model: RunModel }) {
  const { record } = model;
  const tags = Object.entries(record.tags ?? {});
  return (
    <section className="card about">
      <header><h3>About</h3></header>
      <dl>
        <dt>Began</dt><dd>{moment(record.started_at)}</dd>
        <dt>Target</dt><dd><Address text={record.target} /></dd>
        {record.plan?.script && <><dt>Script</dt><dd>{record.plan.script}</dd></>}
        {record.generator && <><dt>Made by</dt><dd>rhaid {record.generator.version} on {record.generator.host}</dd></>}
        {tags.length > 0 && <><dt>Tags</dt><dd>{tags.map(([key, value]) => <span key={key} className="tag">{key}={value}</span>)}</dd></>}
      </dl>
    </section>
  );
}

/** An address is a link only when it is one of the web; anything else stays text. */
export function Address({ text }: { text: string | null }) {
  if (!text) return <>–</>;
  return /^https?:\/\/[^\s]+$/i.test(text) ? <a href={text} rel="noreferrer noopener" target="_blank">{text}</a> : <>{text}</>;
}
