// A browser whose pages report every fault: of scripts, of the policy, in the console, in requests that leave the server.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import axe from "axe-core";
import { chromium } from "playwright-core";

export const PICTURES = resolve(dirname(fileURLToPath(import.meta.url)), "../screenshots");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

export class Browser {
  constructor() { this.faults = []; this.expected = []; }

  async open() {
    const executablePath = process.env.RHAID_CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
    assert.ok(executablePath, "a Chromium is needed: install the package chromium, or name one with RHAID_CHROMIUM");
    mkdirSync(PICTURES, { recursive: true });
    this.browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    return this;
  }

  async close() { await this.browser?.close(); }

  /** What may be said in the console from here on. */
  expect(...patterns) { this.expected = patterns; }

  async page(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", acceptDownloads: true, ...options });
    const page = await context.newPage();
    const fault = (words) => { if (!this.expected.some((pattern) => pattern.test(words))) this.faults.push(words); };
    await page.exposeFunction("tellFault", fault);
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => globalThis.tellFault(`policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    page.on("pageerror", (error) => fault(`error: ${error.message}`));
    page.on("console", (message) => { if (["error", "warning"].includes(message.type())) fault(`console: ${message.text()}`); });
    page.on("dialog", (dialog) => { fault(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
    return page;
  }

  assertNoFaults() {
    const faults = this.faults;
    this.faults = [];
    assert.deepEqual(faults, []);
  }
}

/** A page that nobody can read or that spills over its window is a fault. */
export async function audit(page, name) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async (rules) => {
    const { violations } = await globalThis.axe.run(document, { runOnly: rules });
    return violations.map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} (${node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message ?? ""})`).join("; ")}`);
  }, RULES);
  assert.deepEqual(found, [], `${name} keeps to WCAG AA`);
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= window, `${name} is ${wide} pixels wide in a window of ${window}`);
}

/** Pictures of what is shown, in both themes and widths, each of them audited. */
export async function pictures(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.waitForFunction((theme) => document.documentElement.dataset.theme === theme, colorScheme);
      await settled(page);
      await audit(page, `${name} ${colorScheme} ${width}`);
      await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}-${width}.png`), fullPage: true });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Two frames after the last change of size, charts have been drawn anew. */
async function settled(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)))));
}
