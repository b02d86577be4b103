// CPU and memory of the target and of the generator.

import { bytes, count } from "../model/figures";
import { isOver, type RunModel, type UsagePoint } from "../model/run";
import { Gauge } from "./Gauge";

export function Gauges({ model }: { model: RunModel }) {
  const cores = Math.max(1, model.record.generator?.cores ?? 1);
  const ended = isOver(model.state);
  return (
    <section className="card gauges" aria-label="Resources">
      <header><h3>Resources{ended ? ", highest" : ""}</h3></header>
      <Pair who="Target" points={model.target} cores={cores} total={model.memoryTotalBytes} peak={ended} />
      <Pair who="Generator" points={model.generator} cores={cores} total={model.memoryTotalBytes} peak={ended} />
    </section>
  );
}

interface PairProps { who: string; points: UsagePoint[]; cores: number; total: number | null; peak: boolean }

function Pair({ who, points, cores, total, peak }: PairProps) {
  const last = points.at(-1);
  if (!last) {
    const advice = who === "Target"
      ? "The target is watched when it runs on this machine or tells its metrics (`--scrape URL`)."
      : "The generator is watched as soon as a run begins.";
    return <p className="empty"><b>{who}</b>: not seen. {advice}</p>;
  }
  const cpu = peak ? Math.max(...points.map((p) => p.cpu)) : last.cpu;
  const memory = peak ? Math.max(...points.map((p) => p.memory)) : last.memory;
  return (
    <div className="gauge-pair">
      <Gauge label={`${who} CPU`} level={cpu / 100 / cores} text={`${(cpu / 100).toFixed(2)} of ${count(cores)} cores`}
        trail={points.map((p) => p.cpu)} />
      <Gauge label={`${who} memory`} level={total ? memory / total : null}
        text={total ? `${bytes(memory)} of ${bytes(total)}` : bytes(memory)} trail={points.map((p) => p.memory)} />
    </div>
  );
}
