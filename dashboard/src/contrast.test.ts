// Contrast of the colours in style.css, by the formula of WCAG 2.2: 4.5 to 1 for text, 3 to 1 for lines, edges and marks.
import { expect, test } from "vitest";
import STYLE from "./style.css?raw";

/** The colours that a rule names. */
function coloursOf(selector: string): Record<string, string> {
  const start = STYLE.indexOf(`${selector} {`);
  expect(start, selector).toBeGreaterThanOrEqual(0);
  const rule = STYLE.slice(start, STYLE.indexOf("}", start));
  return Object.fromEntries([...rule.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((found) => [found[1], found[2]]));
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const light = coloursOf(":root");
const dark = { ...light, ...coloursOf(':root[data-theme="dark"]') };
const top = { ...light, ...coloursOf(".top") };
const TEXT = ["text", "muted", "accent", "good", "warn", "bad", "p95", "p99"];
const MARKS = ["throughput", "p50", "p95", "p99", "users", "bad", "accent", "edge"];

test("the formula gives what WCAG says of its own examples", () => {
  expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
  expect(contrast("#777777", "#ffffff")).toBeCloseTo(4.48, 2);
});

test.each([["light", light], ["dark", dark]])("%s: text is readable on page, card and band, marks are seen", (_, colours) => {
  for (const ground of ["page", "card", "band"]) {
    for (const ink of TEXT) expect(contrast(colours[ink] ?? "", colours[ground] ?? ""), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  }
  for (const ground of ["page", "card"]) {
    for (const ink of MARKS) expect(contrast(colours[ink] ?? "", colours[ground] ?? ""), `${ink} on ${ground}`).toBeGreaterThanOrEqual(3);
  }
  expect(contrast(colours["accent-text"] ?? "", colours["accent"] ?? "")).toBeGreaterThanOrEqual(4.5);
});

test("the dark head is readable whatever the theme", () => {
  for (const ink of ["top-text", "top-muted", "accent", "good", "warn", "bad"]) {
    for (const ground of ["top", "field"]) expect(contrast(top[ink] ?? "", top[ground] ?? ""), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  }
  expect(contrast(top["edge"] ?? "", top["top"] ?? "")).toBeGreaterThanOrEqual(3);
  expect(contrast(top["accent-text"] ?? "", top["accent"] ?? "")).toBeGreaterThanOrEqual(4.5);
});
