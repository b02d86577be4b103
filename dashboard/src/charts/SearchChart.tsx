// A search for the breaking point as it narrows: each probe at its load, and the band between what is borne and what is not.

import type { Probe } from "../api/shapes";
import { perSecond } from "../model/figures";
import { logarithmic } from "./scale";
import { useWidth } from "./width";

const HEIGHT = 220;
const EDGE = { left: 62, right: 12, top: 12, bottom: 26 };

/** What a verdict is called and how it is drawn; the form tells it as well as the colour. */
export const VERDICTS: Record<Probe["verdict"], { word: string; tone: string; sign: string }> = {
  bears: { word: "bears it", tone: "good", sign: "▲" },
  too_high: { word: "too high", tone: "bad", sign: "▼" },
  over_objective: { word: "over the objective", tone: "warn", sign: "◆" },
  not_judged: { word: "not judged", tone: "muted", sign: "●" },
};

export function SearchChart({ probes, isRunning }: { probes: Probe[]; isRunning: boolean }) {
  const [holder, width] = useWidth();
  const loads = probes.map((probe) => probe.offered_per_s).filter((load) => load > 0);
  if (loads.length === 0) {
    return <p className="empty">No probe has ended yet: each holds one load for a while, then the search decides where to go.</p>;
  }
  const y = logarithmic(Math.min(...loads) * 0.8, Math.max(...loads) * 1.25, HEIGHT - EDGE.bottom, EDGE.top);
  const step = (width - EDGE.left - EDGE.right) / Math.max(probes.length, 8);
  const x = (index: number) => EDGE.left + step * (index + 0.5);
  const last = probes.at(-1);
  const known = last?.bounds.map((bound) => perSecond(bound));
  return (
    <div ref={holder} className="svg-holder">
      <svg width={width} height={HEIGHT} role="img"
        aria-label={`${probes.length} probes; borne up to ${known?.[0] ?? "unknown"}, not borne from ${known?.[1] ?? "unknown"}`}>
        {y.ticks.map((tick) => (
          <g key={tick}>
            <line className="grid" x1={EDGE.left} x2={width - EDGE.right} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={EDGE.left - 6} y={y(tick) + 4} textAnchor="end">{perSecond(tick)}</text>
          </g>
        ))}
        {probes.map((probe, index) => <Known key={probe.number} probe={probe} x={x(index)} step={step} y={y} />)}
        {probes.map((probe, index) => {
          const look = VERDICTS[probe.verdict] ?? VERDICTS.not_judged;
          return (
            <text key={probe.number} className={`probe tone-${look.tone}`} x={x(index)} y={y(probe.offered_per_s) + 5} textAnchor="middle">
              {look.sign}
              <title>{`probe ${probe.number}: ${perSecond(probe.offered_per_s)}, ${look.word}. ${probe.reason}`}</title>
            </text>
          );
        })}
        <text className="tick" x={EDGE.left} y={HEIGHT - 6}>{`probe 1 to ${probes.length}${isRunning ? ", searching" : ""}`}</text>
      </svg>
      <p className="key">
        {Object.values(VERDICTS).map((look) => (
          <span key={look.word}><b className={`tone-${look.tone}`}>{look.sign}</b> {look.word}</span>
        ))}
        <span><i className="swatch band" /> what is still open</span>
      </p>
    </div>
  );
}

function Known({ probe, x, step, y }: { probe: Probe; x: number; step: number; y: (value: number) => number }) {
  const [lower, upper] = probe.bounds;
  const top = upper === null ? EDGE.top : y(upper);
  const bottom = lower === null ? HEIGHT - EDGE.bottom : y(lower);
  return <rect className="open-band" x={x - step / 2} width={step} y={Math.min(top, bottom)} height={Math.max(1, bottom - top)} />;
}
