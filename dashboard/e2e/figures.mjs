// Figures that the page shows, as numbers again.

const UNITS = { "µs": 0.001, ms: 1, s: 1_000, "/s": 1, "%": 0.01, "": 1 };

/** `1.25 s` is 1250, `407/s` is 407, `0.4 %` is 0.004, a dash is null. */
export function numberOf(text) {
  const found = /^([<]?)([\d,.]+)\s*(µs|ms|s|\/s|%|)/.exec(text.trim());
  return found ? Number(found[2].replaceAll(",", "")) * UNITS[found[3]] : null;
}

/** Whether a shown figure is the other one, rounded as the page rounds. */
export function agrees(shown, given) {
  if (shown === null || given === null) return shown === given;
  return Math.abs(shown - given) <= Math.max(Math.abs(given) * 0.006, 1e-3);
}

/** The key figures at one moment: name to text, and the number of the message that they came with. */
export function keyFigures(page) {
  return page.evaluate(() => {
    const place = document.querySelector(".kpis");
    const cards = [...(place?.querySelectorAll(".kpi") ?? [])].map((card) => [card.querySelector("h3")?.textContent, card.querySelector(".value")?.textContent, card.querySelector(".note")?.textContent]);
    return { seq: Number(place?.getAttribute("data-seq") ?? 0), atMs: Date.now(), cards: Object.fromEntries(cards.map(([name, value, note]) => [name, { value, note }])) };
  });
}
