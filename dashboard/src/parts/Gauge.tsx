// A gauge that is green below 60 %, yellow below 80 % and red from there, with the word for those who do not see colours.

export interface GaugeProps {
  label: string;
  /** 0..=1; null when the whole is not known, then only `text` is shown. */
  level: number | null;
  text: string;
  trail: number[];
}

const ARC = Math.PI * 42;

export function toneOf(level: number | null): { tone: string; word: string } {
  if (level === null) return { tone: "muted", word: "" };
  if (level < 0.6) return { tone: "good", word: "fine" };
  return level < 0.8 ? { tone: "warn", word: "busy" } : { tone: "bad", word: "near its limit" };
}

export function Gauge({ label, level, text, trail }: GaugeProps) {
  const bounded = level === null ? null : Math.min(1, Math.max(0, level));
  const { tone, word } = toneOf(level);
  return (
    <div className={bounded === null ? "gauge flat" : "gauge"} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100}
      aria-valuenow={Math.round((bounded ?? 0) * 100)} aria-valuetext={`${text} ${word}`}>
      {bounded !== null && (
        <svg viewBox="0 0 100 58" aria-hidden="true">
          <path className="gauge-track" d="M8 52 A42 42 0 0 1 92 52" />
          <path className={`gauge-level tone-${tone}`} d="M8 52 A42 42 0 0 1 92 52" strokeDasharray={`${bounded * ARC} ${ARC}`} />
          <text x="50" y="50" textAnchor="middle" className="gauge-text">{`${Math.round((level ?? 0) * 100)}%`}</text>
        </svg>
      )}
      <div className="gauge-words">
        <b>{label}</b>
        <span>{text}</span>
        <span className={`tone-${tone}`}>{word}</span>
        <Trail values={trail} />
      </div>
    </div>
  );
}

function Trail({ values }: { values: number[] }) {
  if (values.length < 2) return null;
  const shown = values.slice(-60);
  const top = Math.max(...shown, 1e-9);
  const points = shown.map((value, i) => `${((i / (shown.length - 1)) * 100).toFixed(1)},${(18 - (value / top) * 16).toFixed(1)}`);
  return (
    <svg className="trail" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}
