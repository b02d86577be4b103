// Takes pictures of every view, dark and light, wide and narrow, and fails on a fault of the page or a breach of its policy:
// `node scripts/look.mjs URL FOLDER`. The browser is RHAID_CHROMIUM or /usr/bin/chromium.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [base = "http://127.0.0.1:3118", folder = "pictures"] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const rows = base.startsWith("http") ? await (await fetch(`${base}/api/tests/runs`)).json().catch(() => []) : [];
const one = (type, state) => rows.find?.((row) => row.test_type === type && row.state === state)?.run_id;
const done = rows.filter?.((row) => row.test_type === "load" && row.state === "COMPLETED").map((row) => row.run_id) ?? [];
const views = base.startsWith("http")
  ? { home: "#token=mock", run: `#/runs/${done[0]}`, stress: `#/runs/${one("stress", "COMPLETED")}`, benchmark: `#/runs/${one("benchmark", "COMPLETED")}`, compare: `#/compare/${done[1]}/${done[0]}`, missing: "#/runs/none" }
  : { report: "" };
const chosen = process.env.VIEWS?.split(",");

const browser = await chromium.launch({ executablePath: process.env.RHAID_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const faults = [];
for (const [name, hash] of Object.entries(views)) {
  if (chosen && !chosen.includes(name)) continue;
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      const page = await browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      page.on("pageerror", (error) => faults.push(`${name}: ${error.message}`));
      page.on("console", (message) => { if (message.type() === "error" && !/40[14] /.test(message.text())) faults.push(`${name}: ${message.text()}`); });
      await page.goto(`${base}${base.startsWith("http") ? "/" : ""}${hash}`);
      await page.waitForSelector(name === "missing" ? ".state" : ".u-wrap, .state:not([aria-busy])");
      await page.waitForFunction(() => document.querySelectorAll(".bar").length === 0);
      if (name === "home") await page.waitForTimeout(Number(process.env.WATCH_MS ?? 3000));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) faults.push(`${name}: ${wide} pixels wide in a window of ${width}`);
      await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
      await page.close();
    }
  }
}
await browser.close();
for (const fault of faults) console.error(fault);
process.exit(faults.length > 0 ? 1 : 0);
