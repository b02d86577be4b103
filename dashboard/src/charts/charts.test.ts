// What charts compute before they draw.
import { expect, test, vi } from "vitest";
import { rowsOf } from "./overlays";
import { alone, zoomed } from "./TimeChart";
import { linear, logarithmic, roundTicks } from "./scale";

vi.mock("uplot", () => ({ default: class {} }));

test("a value between two gaps is drawn as a dot, one with a neighbour as a line", () => {
  expect(alone([1, null, 2, null, 3, 4, undefined, 0])).toEqual([0, 2, 7]);
  expect(alone([])).toEqual([]);
});

test("labels that would overlap stand above each other, and what finds no row has none", () => {
  expect(rowsOf([[0, 10], [20, 30], [5, 15], [8, 25], [9, 10]])).toEqual([0, 0, 1, 2, -1]);
});

test("keys zoom around the cursor, never beyond the run, and back to all of it", () => {
  expect(zoomed("+", [0, 100], [0, 100], 50)).toEqual([25, 75]);
  expect(zoomed("-", [25, 75], [0, 100], 50)).toBe(null);
  expect(zoomed("-", [10, 20], [0, 100], 10)).toEqual([10, 30]);
  expect(zoomed("+", [50, 52], [0, 100], 51)).toEqual([50, 52]);
  expect([zoomed("Escape", [1, 2], [0, 9], 1), zoomed("a", [1, 2], [0, 9], 1)]).toEqual([null, undefined]);
});

test("ticks are round and inside the axis, and scales meet their ends", () => {
  expect(roundTicks(0, 97, 4)).toEqual([0, 50]);
  const x = linear(0, 10, 100, 200, 5);
  expect([x(0), x(5), x(10), x.ticks]).toEqual([100, 150, 200, [0, 2, 4, 6, 8, 10]]);
  const y = logarithmic(10, 1000, 200, 0);
  expect([y(10), Math.round(y(100)), y(1000), y(1)]).toEqual([200, 100, 0, 200]);
});
