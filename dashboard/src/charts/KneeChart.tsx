// The curve of a search or a sweep: what was achieved and how long it took, over what was offered, with the loads that matter.

import type { CurvePoint, RunRecord } from "../api/shapes";
import { count, ms, perSecond } from "../model/figures";
import { linear, type Scale } from "./scale";
import { useWidth } from "./width";

const HEIGHT = 240;
const EDGE = { left: 62, right: 66, top: 34, bottom: 40 };

interface Marker { label: string; at: number; tone: string }

export function markersOf(record: RunRecord): Marker[] {
  const markers: Marker[] = [];
  const knee = record.knee?.marker?.load ?? record.knee?.power_point?.load;
  if (knee !== undefined) markers.push({ label: "knee", at: knee, tone: "accent" });
  if (record.max_sustainable) markers.push({ label: "bears", at: record.max_sustainable.lower, tone: "good" });
  if (record.breakdown) markers.push({ label: "breaks", at: record.breakdown.value, tone: "bad" });
  return markers;
}

export function KneeChart({ record, isRunning }: { record: RunRecord; isRunning: boolean }) {
  const [holder, width] = useWidth();
  const curve = [...(record.curve ?? [])].sort((a, b) => loadOf(a) - loadOf(b));
  if (curve.length < 2) return <p className="empty">{isRunning ? "The curve is drawn when the search has ended." : "A curve needs two loads that were judged; this run has fewer. Give it more time."}</p>;
  const markers = markersOf(record);
  const right = width - EDGE.right;
  const x = linear(0, Math.max(...curve.map(loadOf), ...markers.map((m) => m.at)) * 1.05, EDGE.left, right, width / 110);
  const y = linear(0, Math.max(...curve.map((p) => p.achieved_per_s)) * 1.1, HEIGHT - EDGE.bottom, EDGE.top, 4);
  const times = curve.filter((p) => p.response_p99_ms !== null);
  const t = linear(0, Math.max(...times.map((p) => p.response_p99_ms ?? 0), 1) * 1.1, HEIGHT - EDGE.bottom, EDGE.top, 4);
  const isUsers = curve.some((point) => point.users !== null);
  return (
    <div ref={holder} className="svg-holder">
      <svg width={width} height={HEIGHT} role="img"
        aria-label={`Throughput and p99 over the load; ${markers.map((m) => `${m.label} at ${perSecond(m.at)}`).join(", ")}`}>
        {y.ticks.map((tick) => (
          <g key={tick}>
            <line className="grid" x1={EDGE.left} x2={right} y1={y(tick)} y2={y(tick)} />
            <text className="tick" x={EDGE.left - 6} y={y(tick) + 4} textAnchor="end">{perSecond(tick)}</text>
          </g>
        ))}
        {t.ticks.map((tick) => <text key={tick} className="tick tone-p99" x={right + 6} y={t(tick) + 4}>{ms(tick)}</text>)}
        {x.ticks.map((tick) => (
          <text key={tick} className="tick" x={x(tick)} y={HEIGHT - 22} textAnchor="middle">{isUsers ? count(tick) : perSecond(tick)}</text>
        ))}
        <text className="tick" x={(EDGE.left + right) / 2} y={HEIGHT - 5} textAnchor="middle">{isUsers ? "virtual users" : "offered load"}</text>
        {markers.map((marker, index) => (
          <g key={marker.label} className={`tone-${marker.tone}`}>
            <line className="marker" x1={x(marker.at)} x2={x(marker.at)} y1={EDGE.top - 4} y2={HEIGHT - EDGE.bottom} />
            <text className="marker-label" x={x(marker.at)} y={12 + 11 * (index % 2)} textAnchor={x(marker.at) > right - 40 ? "end" : "middle"}>{marker.label}</text>
          </g>
        ))}
        <polyline className="curve line-throughput" points={places(curve, x, y, (p) => p.achieved_per_s)} />
        <polyline className="curve line-p99" points={places(times, x, t, (p) => p.response_p99_ms ?? 0)} />
        {curve.map((p) => (
          <circle key={`${loadOf(p)} ${p.achieved_per_s}`} className="dot-throughput" r={3} cx={x(loadOf(p))} cy={y(p.achieved_per_s)}>
            <title>{`${isUsers ? count(p.users) : perSecond(p.offered_per_s)}: ${perSecond(p.achieved_per_s)}, p99 ${ms(p.response_p99_ms)}`}</title>
          </circle>
        ))}
      </svg>
      <p className="key">
        <span><i className="swatch tint-throughput" /> throughput</span>
        <span><i className="swatch tint-p99" /> p99, right axis</span>
      </p>
    </div>
  );
}

const loadOf = (point: CurvePoint) => point.users ?? point.offered_per_s;

function places(points: CurvePoint[], x: Scale, y: Scale, value: (point: CurvePoint) => number): string {
  return points.map((point) => `${x(loadOf(point)).toFixed(1)},${y(value(point)).toFixed(1)}`).join(" ");
}
