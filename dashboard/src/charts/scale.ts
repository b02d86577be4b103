// Arithmetic of the drawn SVG charts: values to places, and round figures for axes.

export interface Scale { (value: number): number; ticks: number[] }

/** Values from `low` to `high` onto places from `from` to `to`, with about `wanted` round ticks. */
export function linear(low: number, high: number, from: number, to: number, wanted: number): Scale {
  const top = high > low ? high : low + 1;
  const place = (value: number) => from + ((value - low) / (top - low)) * (to - from);
  return Object.assign(place, { ticks: roundTicks(low, top, wanted) });
}

/** The same by factors; values must be positive. */
export function logarithmic(low: number, high: number, from: number, to: number): Scale {
  const [a, b] = [Math.log10(low), Math.log10(high > low ? high : low * 10)];
  const place = (value: number) => from + ((Math.log10(Math.max(value, low)) - a) / (b - a)) * (to - from);
  const ticks: number[] = [];
  const factors = b - a > 2.5 ? [1] : b - a > 1.2 ? [1, 3] : [1, 2, 5];
  for (let power = Math.floor(a); power <= Math.ceil(b); power += 1) {
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return Object.assign(place, { ticks });
}

export function roundTicks(low: number, high: number, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? rough;
  const ticks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-9); i += 1) ticks.push(i * step || 0);
  return ticks;
}
