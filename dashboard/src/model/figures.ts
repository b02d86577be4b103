// Numbers as text. A missing figure is a dash, never a zero.

export const MISSING = "–";

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);

function digits(value: number): string {
  const size = Math.abs(value);
  const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString("en", { maximumFractionDigits: places });
}

/** Milliseconds: `840 µs`, `12.3 ms`, `1.25 s`. */
export function ms(value: number | null | undefined): string {
  if (!isNumber(value)) return MISSING;
  if (value !== 0 && Math.abs(value) < 1) return `${digits(value * 1000)} µs`;
  return Math.abs(value) < 1000 ? `${digits(value)} ms` : `${digits(value / 1000)} s`;
}

/** Something per second: `1,250/s`. */
export function perSecond(value: number | null | undefined): string {
  return isNumber(value) ? `${digits(value)}/s` : MISSING;
}

/** A share 0..=1 as percent; a few failures of many never read as none. */
export function share(value: number | null | undefined): string {
  if (!isNumber(value)) return MISSING;
  const percent = value * 100;
  return percent > 0 && percent < 0.01 ? "<0.01 %" : `${digits(percent)} %`;
}

export function count(value: number | null | undefined): string {
  return isNumber(value) ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : MISSING;
}

/** Bytes in the units of memory: `16.4 MiB`. */
export function bytes(value: number | null | undefined): string {
  if (!isNumber(value)) return MISSING;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let [size, unit] = [value, 0];
  while (size >= 1024 && unit < units.length - 1) [size, unit] = [size / 1024, unit + 1];
  return `${digits(size)} ${units[unit]}`;
}

const two = (n: number) => String(n).padStart(2, "0");

/** Hours, minutes and seconds, with parts of a second rounded. */
function clock(seconds: number): [number, number, number] {
  const whole = Math.max(0, Math.round(seconds));
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
}

/** A span of seconds: `45s`, `2m 05s`, `1h 02m`. */
export function span(seconds: number | null | undefined): string {
  if (!isNumber(seconds)) return MISSING;
  const [h, m, s] = clock(seconds);
  if (h > 0) return `${h}h ${two(m)}m`;
  return m > 0 ? `${m}m ${two(s)}s` : `${s}s`;
}

/** A moment on the axis of a run: `0:45`, `1:02:03`. */
export function axisTime(seconds: number): string {
  const [h, m, s] = clock(seconds);
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** When a run began, in the reader's own time. */
export function moment(rfc3339: string): string {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return MISSING;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** A change in percent, with its sign. */
export function change(percent: number | null | undefined): string {
  if (!isNumber(percent)) return MISSING;
  return `${percent > 0 ? "+" : percent < 0 ? "−" : ""}${digits(Math.abs(percent))} %`;
}
