// The page against a real server, from its first sight to the report on a disk: `npm run e2e`. Tests build on each other, in order.

import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { audit, Browser, pictures, PICTURES } from "./browser.mjs";
import { agrees, keyFigures, numberOf } from "./figures.mjs";
import { Server } from "./server.mjs";

const HOSTILE = "</script><img src=x onerror=\"document.title='hit'\">";
const server = new Server();
const browser = new Browser();
let page;
let stoppedRun;

before(async () => {
  await server.start();
  await browser.open();
  page = await browser.page();
});
after(async () => {
  await browser.close();
  await server.remove();
});

let hasFailed = false;
/** A test that builds on those before it; after a failure the rest could only fail too. */
function step(name, holds) {
  test(name, async (context) => {
    if (hasFailed) return context.skip("one before it failed");
    try {
      await holds();
    } catch (error) {
      hasFailed = true;
      await page?.screenshot({ path: join(PICTURES, "failure.png"), fullPage: true }).catch(() => {});
      throw browser.faults.length > 0 ? new Error(`${error.message}\nThe page told: ${browser.faults.join("; ")}`, { cause: error }) : error;
    }
  });
}

const chip = () => page.locator(".run-head .chip");
const head = () => page.locator(".run-head");
const runOf = () => page.evaluate(() => location.hash.replace("#/runs/", ""));
async function until(what, holds, withinMs = 20_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert.ok(Date.now() < end, `${what} within ${withinMs} ms`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

step("a page without the token asks for it, and one with it says how to begin", async () => {
  browser.expect(/401/);
  await page.goto(`${server.address}/`);
  await page.getByText("This page needs the token").waitFor();
  await pictures(page, "token");
  await page.getByLabel("Token").fill(server.link);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByText("Nothing has run yet").waitFor();
  browser.expect();
  await page.goto("about:blank");
  await page.goto(server.link);
  await page.getByText("Nothing has run yet").waitFor();
  assert.ok(!page.url().includes("token"), `the token left the address: ${page.url()}`);
  await pictures(page, "empty");
  browser.assertNoFaults();
});

step("a form that lacks something says what, and starts nothing", async () => {
  await page.getByRole("combobox", { name: "Script", exact: true }).selectOption("");
  await page.getByRole("textbox", { name: "Address" }).fill("nowhere");
  await page.locator("form.start").evaluate((form) => { form.noValidate = true; });
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await page.getByRole("alert").getByText("http(s) address").waitFor();
  assert.equal((await server.ask("GET", "/tests/runs")).body.length, 0);
});

step("a run begins by keyboard alone, and its numbers move", async () => {
  await page.reload();
  await page.getByText("Nothing has run yet").waitFor();
  await page.getByRole("combobox", { name: "Script", exact: true }).selectOption("endpoints.rhai");
  await page.getByLabel("Amount of load").fill("30");
  await page.getByRole("spinbutton", { name: "Seconds" }).fill("60");
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.textContent) === "Start") break;
  }
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none", "what has the focus is marked");
  await page.keyboard.press("Enter");
  await until("the run is shown", async () => (await chip().textContent().catch(() => "")) === "running");
  const counts = new Set();
  await until("the number of requests grows thrice", async () => {
    counts.add((await keyFigures(page)).cards.Throughput?.note);
    return counts.size > 3;
  });
  await head().getByText("phase").waitFor();
  await until("its head says what it is", async () => /load.*30 VUs.*of 1m 00s/.test(await head().textContent()), 5_000);
  for (const title of ["Throughput", "Response time", "Errors", "Active users"]) await page.locator(".chart h3", { hasText: title }).waitFor();
  await until("gauges of target and generator", async () => (await page.getByRole("meter").count()) === 4);
});

step("the page shows what the feed tells, within one second of it", async () => {
  const id = await runOf();
  const feed = server.follow(id);
  const shown = [];
  await until("ten snapshots are shown", async () => {
    const now = await keyFigures(page);
    if (now.seq > 0 && shown.at(-1)?.seq !== now.seq) shown.push(now);
    return shown.length > 10;
  });
  feed.stop();
  const both = shown.filter((now) => feed.seen.has(now.seq));
  assert.ok(both.length >= 8, `${both.length} of ${shown.length} snapshots were seen on both sides`);
  const lags = [];
  for (const now of both) {
    const { atMs, data } = feed.seen.get(now.seq);
    const rate = data.rate_per_s * (1 - data.error_ratio);
    assert.ok(agrees(numberOf(now.cards.Throughput.value), rate), `throughput of ${now.seq}: ${now.cards.Throughput.value}, told ${rate}`);
    assert.notEqual(data.p95_ms, null, "a second has enough requests for a p95");
    assert.ok(agrees(numberOf(now.cards["p95 response time"].value), data.p95_ms), `p95 of ${now.seq}: ${now.cards["p95 response time"].value}, told ${data.p95_ms}`);
    lags.push(now.atMs - atMs);
  }
  // One may be late on a machine that does something else at that moment; the page is late when more are.
  assert.ok(lags.filter((lag) => lag >= 1_000).length <= 1, `milliseconds from being told to being shown: ${lags}`);
});

step("a running test is readable in both themes and widths", async () => {
  await pictures(page, "running");
  browser.assertNoFaults();
});

step("a run is paused, taken up and scaled from the page", async () => {
  browser.expect(/501/);
  const id = await runOf();
  const state = async () => (await server.ask("GET", `/tests/runs/${id}`)).body.live;
  await page.getByRole("button", { name: "Pause" }).click();
  const answer = await until("the pause is shown or refused", async () => {
    if (await chip().textContent() === "paused") return "paused";
    return (await page.locator("main .banner").count()) > 0 ? "refused" : null;
  });
  if (answer === "refused") {
    // A build whose engine cannot pause says so; the page shows it and goes on.
    assert.match(await page.locator("main .banner").textContent(), /does not change the load/);
    await page.getByRole("button", { name: "Close" }).click();
    browser.expect();
    return browser.assertNoFaults();
  }
  const still = await until("no request is on its way", async () => { const now = await state(); return now.in_flight === 0 ? now : null; });
  const seq = (await keyFigures(page)).seq;
  await until("four more snapshots", async () => (await keyFigures(page)).seq >= seq + 4);
  const later = await state();
  assert.ok(later.totals.requests - still.totals.requests <= 30, "at most what was under way ended meanwhile");
  await pictures(page, "paused");
  await page.getByRole("button", { name: "Resume" }).click();
  await until("the run goes on", async () => (await state()).totals.requests > later.totals.requests + 10);
  await page.getByLabel("New number of users").fill("5");
  await page.getByRole("button", { name: "Set users" }).click();
  await until("five users are left", async () => (await head().textContent()).includes("5 users now"));
  await page.locator("section", { hasText: "On the way" }).last().waitFor();
  browser.expect();
  browser.assertNoFaults();
});

step("a stream that breaks is taken up where it was, and the page says so meanwhile", async () => {
  const id = await runOf();
  const other = await browser.page();
  const links = [];
  let own = null;
  let isBroken = false;
  await other.routeWebSocket(/\/api\/tests\/ws\//, async (socket) => {
    links.push(socket.url());
    if (isBroken) return socket.close({ code: 1011 });
    own = socket;
    socket.connectToServer();
  });
  await other.goto(server.link);
  await other.goto(`${server.address}/#/runs/${id}`);
  await until("snapshots arrive", async () => (await keyFigures(other)).seq > 0);
  isBroken = true;
  await own.close({ code: 1011 });
  await other.getByText("Disconnected: the live figures stand still").waitFor();
  const before = (await keyFigures(other)).seq;
  await pictures(other, "disconnected");
  isBroken = false;
  await other.getByRole("button", { name: "Reconnect now" }).click();
  await until("newer snapshots arrive", async () => (await keyFigures(other)).seq > before + 1);
  assert.match(links.at(-1), /\?since=\d+$/);
  assert.equal(await other.getByText("Disconnected: the live figures").count(), 0);
  await other.context().close();
  browser.assertNoFaults();
});

step("the whole run can be looked at while it goes on, and a part of it by keyboard", async () => {
  await page.getByRole("button", { name: "Whole run" }).click();
  const first = page.locator(".plot").first();
  await first.focus();
  for (const key of ["ArrowLeft", "ArrowLeft", "+", "+"]) await page.keyboard.press(key);
  await page.locator(".chart h3 .note").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Whole run" }).getAttribute("aria-pressed"), "false");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Latest" }).click();
  browser.assertNoFaults();
});

step("a stopped run is the one that is shown after a reload", async () => {
  stoppedRun = await runOf();
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await until("it has stopped", async () => (await chip().textContent()) === "stopped", 90_000);
  const { body } = await server.ask("GET", `/tests/runs/${stoppedRun}`);
  assert.equal(body.state, "STOPPED");
  const whole = async () => agrees(numberOf((await keyFigures(page)).cards.Throughput?.value ?? ""), body.totals.throughput);
  await until("the figures are those of the whole run", whole);
  const before = await keyFigures(page);
  await page.reload();
  await until("the same figures are there", async () => JSON.stringify((await keyFigures(page)).cards) === JSON.stringify(before.cards));
  assert.equal(await runOf(), stoppedRun);
  browser.assertNoFaults();
});

step("a script is written, its mistake is marked, and it runs once it is right", async () => {
  await page.goto(`${server.address}/#/scripts/`);
  const text = page.getByLabel("Text of the script");
  await text.waitFor();
  const good = readFileSync(join(server.scripts, "journey.rhai"), "utf8");
  const lines = good.split("\n");
  const at = lines.findIndex((line) => line.startsWith("fn "));
  await text.fill([...lines.slice(0, at), "fn broken( {", ...lines.slice(at)].join("\n"));
  const marked = page.locator(".marked .code-number");
  await marked.first().waitFor();
  const line = Number((await marked.first().textContent()).replace(/\D/g, ""));
  assert.ok(Math.abs(line - (at + 1)) <= 1, `line ${line} is marked, the mistake is in ${at + 1}`);
  await pictures(page, "editor");
  await text.fill(good.replace("vus: ", "vus: 1 + "));
  await page.getByText("ready to run").waitFor();
  await page.getByRole("textbox", { name: "Name" }).last().fill("mine.rhai");
  await page.keyboard.press("Control+s");
  await page.getByRole("heading", { name: "mine.rhai" }).waitFor();
  assert.equal(readFileSync(join(server.scripts, "mine.rhai"), "utf8"), good.replace("vus: ", "vus: 1 + "));
  browser.assertNoFaults();
});

step("all three kinds of tests have their view", async () => {
  const quick = { script: "journey.rhai", users: 20, duration_seconds: 6, tags: { branch: "main", build: "12" } };
  const load = await server.startRun({ ...quick, test_type: "load" });
  const waiting = await server.startRun({ test_type: "benchmark", script: "endpoints.rhai", users: 2, duration_seconds: 1 });
  const search = await server.startRun({ test_type: "stress", script: "endpoints.rhai", rate: 400, duration_seconds: 10 });
  await page.goto(`${server.address}/#/runs/${waiting}`);
  await until("it waits", async () => (await chip().textContent().catch(() => "")) === "queued");
  await pictures(page, "queued");
  assert.equal((await server.ended(load)).state, "COMPLETED");
  await page.goto(`${server.address}/#/runs/${load}`);
  await until("it is whole", async () => (await chip().textContent().catch(() => "")) === "completed");
  await pictures(page, "load");
  assert.equal((await server.ended(waiting)).state, "COMPLETED");
  await page.goto(`${server.address}/#/runs/${waiting}`);
  await page.getByRole("region", { name: "Benchmark" }).waitFor();
  await pictures(page, "benchmark");
  await page.goto(`${server.address}/#/runs/${search}`);
  await until("probes are drawn", async () => (await page.locator("text.probe").count()) > 0, 60_000);
  await pictures(page, "searching");
  // On a machine that does much else a search repeats probes until they count, so it is not waited for.
  await page.getByRole("button", { name: "Stop", exact: true }).click({ timeout: 2_000 }).catch(() => {});
  const body = await server.ended(search);
  await until("the search has ended", async () => (await chip().textContent()) === body.state.toLowerCase());
  await until("every probe is drawn", async () => (await page.locator("text.probe").count()) === body.probes.length);
  await pictures(page, "stress");
  browser.assertNoFaults();
});

step("a hostile name is text in the list, in the run and in its report", async () => {
  const id = await server.startRun({ name: HOSTILE, test_type: "load", script: "journey.rhai", users: 10, duration_seconds: 6, tags: { kind: HOSTILE } });
  await server.ended(id);
  await page.goto(`${server.address}/#/runs/${id}`);
  await page.getByRole("heading", { name: HOSTILE }).waitFor();
  assert.equal(await page.locator("img").count(), 0);
  await assertReportIsClosed(id, HOSTILE);
  browser.assertNoFaults();
});

step("history is sorted, filtered by tag, and two runs are compared", async () => {
  await page.goto(`${server.address}/#/`);
  const rows = page.locator(".history tbody tr");
  await until("all runs are listed", async () => (await rows.count()) === 5);
  await page.getByRole("button", { name: /^Throughput/ }).click();
  const throughput = async () => (await rows.evaluateAll((all) => all.map((row) => row.children[6].textContent))).map(numberOf);
  const falling = await throughput();
  assert.deepEqual(falling, [...falling].sort((a, b) => b - a));
  await page.getByRole("button", { name: "build=12" }).first().click();
  await until("only tagged runs are left", async () => (await rows.count()) === 1);
  await page.getByRole("searchbox").fill("no such run");
  await page.getByText("No run matches").waitFor();
  await page.getByRole("searchbox").fill("load");
  await until("loads are left", async () => (await rows.count()) === 3);
  for (const index of [1, 2]) await rows.nth(index).getByRole("checkbox").check();
  browser.expect(/409/);
  await page.getByRole("link", { name: "Compare the two" }).click();
  const forced = page.getByRole("link", { name: "Compare anyway" });
  await until("the comparison or why not", async () => (await forced.count()) + (await page.getByRole("region", { name: "What changed" }).count()) > 0);
  if (await forced.count() > 0) await forced.click();
  await page.getByRole("region", { name: "What changed" }).waitFor();
  const words = await page.locator("td .word").allTextContents();
  assert.ok(words.length >= 2 && words.every((word) => word.length > 2), `verdicts in words: ${words}`);
  assert.ok(await page.locator(".chart canvas").count() >= 2, "both courses are drawn over each other");
  await pictures(page, "compare");
  browser.expect();
  const names = () => page.locator("main .card header h3 ~ *, main .card p a").evaluateAll((all) => all.map((one) => one.getAttribute("href")).filter(Boolean));
  const [a, b] = await names();
  await page.getByRole("link", { name: "Swap A and B" }).click();
  await until("the sides have changed", async () => (await names()).join() === [b, a].join());
  browser.assertNoFaults();
});

/** Opens a report from a disk with no network: it asks for nothing and draws itself. */
async function assertReportIsClosed(id, title) {
  await page.goto(`${server.address}/#/runs/${id}`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "html", exact: true }).click()]);
  const file = join(server.folder, `${id}.html`);
  copyFileSync(await download.path(), file);
  const reader = await browser.page({ offline: true });
  const requests = [];
  reader.on("request", (request) => requests.push(request.url()));
  await reader.goto(pathToFileURL(file).href);
  await reader.getByRole("heading", { name: title }).waitFor();
  await reader.locator(".chart canvas").first().waitFor();
  assert.deepEqual(requests, [pathToFileURL(file).href]);
  assert.match(await reader.title(), /rhaid report/);
  assert.equal(await reader.locator("img, iframe").count(), 0);
  return reader;
}

step("a report opens from a disk without a network and asks for nothing", async () => {
  const reader = await assertReportIsClosed(stoppedRun, "endpoints");
  const { body } = await server.ask("GET", `/tests/runs/${stoppedRun}`);
  const shown = await keyFigures(reader);
  assert.ok(agrees(numberOf(shown.cards.Throughput.value), body.totals.throughput));
  assert.equal(await reader.getByRole("region", { name: "Steps" }).locator("tbody tr").count(), body.steps.length);
  await pictures(reader, "report");
  await reader.context().close();
  browser.assertNoFaults();
});

step("a run that is not there, a server that is gone and one that comes back are told apart", async () => {
  browser.expect(/404/, /Failed to load resource/, /ERR_CONNECTION_REFUSED/, /WebSocket connection/);
  await page.goto(`${server.address}/#/runs/999`);
  await page.getByText("It is not here").waitFor();
  await pictures(page, "missing");
  const id = await server.startRun({ test_type: "load", script: "journey.rhai", users: 5, duration_seconds: 60 });
  await page.goto(`${server.address}/#/runs/${id}`);
  await until("it goes on", async () => (await keyFigures(page)).seq > 2);
  await server.end("SIGKILL");
  await page.getByText("rhaid does not answer").waitFor();
  await pictures(page, "gone");
  await server.start();
  await until("it says how the run ended", async () => (await chip().textContent()) === "interrupted", 30_000);
  // The run's record has come back first; the list, whose absence the words are about, is asked for because of it.
  await page.getByText("rhaid does not answer").waitFor({ state: "detached" });
  await audit(page, "a run that was interrupted");
  await page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  browser.expect();
  browser.assertNoFaults();
});
