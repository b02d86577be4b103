// Numbers as text.
import { expect, test } from "vitest";
import { bytes, change, count, MISSING, ms, perSecond, share, span } from "./figures";

test("a missing figure is a dash and never a zero", () => {
  for (const show of [ms, perSecond, share, count, bytes, span, change]) {
    expect(show(null)).toBe(MISSING);
    expect(show(undefined)).toBe(MISSING);
    expect(show(Number.NaN)).toBe(MISSING);
  }
});

test("figures have the unit that suits their size", () => {
  expect([ms(0.84), ms(12.34), ms(1250), ms(0)]).toEqual(["840 µs", "12.3 ms", "1.25 s", "0 ms"]);
  expect([bytes(512), bytes(16.4 * 2 ** 20)]).toEqual(["512 B", "16.4 MiB"]);
  expect([span(45), span(125), span(3720)]).toEqual(["45s", "2m 05s", "1h 02m"]);
  expect([change(12), change(-3.5), change(0)]).toEqual(["+12 %", "−3.5 %", "0 %"]);
});

test("a few failures of many do not read as none", () => {
  expect([share(0), share(0.000001), share(0.0123)]).toEqual(["0 %", "<0.01 %", "1.23 %"]);
});
