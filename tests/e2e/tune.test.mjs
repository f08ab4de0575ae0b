// The view "Fine-tune" on the real engine: samples, plan, run, outcome, undo, adapters and their files.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { accessibilityFaults, path, sgcr, temporaryFolder } from "./harness.mjs";
import { MINUTE, PHONE, idle, openModel, openView, setTinyStage, shot } from "./page_parts.mjs";

const { unzipSync } = createRequire(path("pkg", "package.json"))("fflate");
let server;
let browser;
setTinyStage((stage) => ({ server, browser } = stage));

async function addWorldSamples(page, count, kind = "agent_random") {
  await page.locator("#kind").selectOption(kind);
  await page.locator("#kind-count").fill(String(count));
  await page.locator("#world-samples button").click();
  await page.locator("#samples-status", { hasText: `${count}:` }).waitFor({ timeout: MINUTE });
}

/** Starts a run; `done` waits for its end. */
async function start(page, { steps, batch = 2, name = "" }) {
  await page.locator("#steps").fill(String(steps));
  await page.locator("#batch").fill(String(batch));
  await page.locator("#tune-name").fill(name);
  await page.locator("#start:enabled").click({ timeout: MINUTE });
  await page.locator("#run-panel:not([hidden])").waitFor();
}

const runStatus = (page, text) => page.locator("#run-status", { hasText: text }).waitFor({ timeout: 4 * MINUTE });
const stepLabel = (page) => page.locator("#run-label").textContent();
const cosines = (page) =>
  page.locator(".figures .numbers").evaluateAll((all) => all.map((one) => one.children[1].lastChild.textContent));

test("collect, plan, train, compare, undo, take home, bring back", async (t) => {
  const { context, page, problems } = await openView(browser, server, "fine-tune", {
    model: "plain",
    acceptDownloads: true,
  });
  assert.ok(await page.locator("#start").isDisabled(), "nothing to learn from yet");
  await addWorldSamples(page, 8);
  assert.match(await page.locator("#samples-status").textContent(), /^8: 6 to learn from, 2 held out\.$/);
  await page.locator("#plan:not([hidden])").waitFor({ timeout: MINUTE });
  assert.match(await page.locator("#plan-text").textContent(), /^About [\d.]+ (M|G)iB.*numbers train\.$/);

  await start(page, { steps: 6, name: "who is there" });
  await runStatus(page, "All steps are done");
  assert.match(await stepLabel(page), /Step 6 of 6/);
  assert.match(
    await page.locator("#loss-plot").getAttribute("aria-label"),
    /^Loss over 6 steps: from [\d.]+ to [\d.]+\.$/,
  );
  assert.match(await page.locator("#margin-plot").getAttribute("aria-label"), /^Mean margin of 2 held-out comparisons/);
  assert.ok((await page.locator("#loss-plot canvas").boundingBox()).width > 200);
  await page.locator(".pair-table").waitFor({ timeout: MINUTE });
  assert.equal(await page.locator(".pair-table tbody tr").count(), 2);
  assert.match(await page.locator("#outcome-status").textContent(), /of 2 held-out comparisons/);
  await idle(page);
  assert.deepEqual(await accessibilityFaults(page), []);
  await shot(page, "tune-done");

  // In use from now on, in every view; undone, the model is what it was, to the last digit.
  const weight = page.locator("#adapter-list input");
  assert.equal(await weight.inputValue(), "1");
  const scoresNow = async () => {
    await page.locator('#view-links a[href="#/score"]').click();
    await page.locator("#verdict:not(:empty)").waitFor({ timeout: MINUTE });
    await idle(page);
    const found = await cosines(page);
    await page.locator('#view-links a[href="#/fine-tune"]').click();
    await page.locator("#view-fine-tune:not([hidden])").waitFor();
    return found;
  };
  const tuned = await scoresNow();
  await page.locator("#undo").click();
  await page.locator("#redo:not([hidden])").waitFor();
  await idle(page);
  assert.equal(await weight.inputValue(), "0");
  const plain = await scoresNow();
  assert.notDeepEqual(tuned, plain, "the adapter changes scores");
  await page.locator("#redo").click();
  await page.locator("#undo:not([hidden])").waitFor();
  await idle(page);
  assert.deepEqual(await scoresNow(), tuned);

  // The ZIP file holds the folder that the native program and PEFT read.
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download who is there" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "who-is-there.zip");
  const folder = temporaryFolder(t);
  const zip = join(folder, "adapter.zip");
  await download.saveAs(zip);
  const files = unzipSync(readFileSync(zip));
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  assert.match(sgcr("inspect", join(folder, "who-is-there")), /lora|rank/i);

  // Imported, it is the same adapter; compared side by side, both fare alike.
  await page.locator("#import").setInputFiles(zip);
  await page.locator("#adapters-status", { hasText: "imported" }).waitFor({ timeout: MINUTE });
  assert.equal(await page.locator("#adapter-list li").count(), 2);
  await page.locator("#compare").click();
  await page.locator("#comparison table").waitFor({ timeout: MINUTE });
  const compared = await page
    .locator("#comparison tbody tr")
    .evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll("td")].map((cell) => cell.textContent)));
  assert.equal(compared.length, 3);
  assert.deepEqual(compared[1], compared[2]);
  assert.notDeepEqual(compared[0], compared[1]);

  // Kept by the browser.
  await page.reload();
  await idle(page);
  await page.locator("#adapter-list li").first().waitFor({ timeout: MINUTE });
  assert.equal(await page.locator("#adapter-list li").count(), 2);
  // They belong to the test's model, and the page has the shipped one again.
  assert.ok(await page.locator("#adapter-list input").first().isDisabled());
  assert.deepEqual(problems, []);
  await context.close();
});

test("pause, go on, abort; go on after a reload, stop and keep; forget", async () => {
  const { context, page, problems } = await openView(browser, server, "fine-tune", { model: "plain" });
  await addWorldSamples(page, 4);
  await start(page, { steps: 400, name: "long" });
  await page.locator("#run-label", { hasText: /Step \d/ }).waitFor({ timeout: MINUTE });
  await page.locator("#pause").click();
  await runStatus(page, "Paused");
  const paused = await stepLabel(page);
  await page.waitForTimeout(700);
  assert.equal(await stepLabel(page), paused, "a paused run makes no steps");
  assert.match(await page.locator('#view-links a[href="#/fine-tune"]').textContent(), /Fine-tune \(\d+ %\)/);
  await page.locator("#pause").click();
  await page.locator("#run-label", { hasText: /Step (1[2-9]|[2-9]\d)/ }).waitFor({ timeout: 2 * MINUTE });
  await page.locator("#abort").click();
  await runStatus(page, "Aborted");
  assert.equal(await page.locator(".card.error").count(), 0, "to abort is no error");
  const text = await page.locator(".unfinished p").first().textContent({ timeout: MINUTE });
  assert.match(text, /“long” stopped after step \d+ of 400/);
  const checkpoint = Number(/step (\d+)/.exec(text)[1]);
  assert.ok(checkpoint >= 10 && checkpoint % 10 === 0, "checkpoints are ten steps apart");

  // After a reload it goes on from there, with its own samples; to stop is to keep what was learnt.
  await page.reload();
  await openModel(page, server, "plain");
  await page.getByRole("button", { name: "Go on with long" }).click({ timeout: MINUTE });
  await page.locator("#run-label", { hasText: /Step \d/ }).waitFor({ timeout: MINUTE });
  const first = Number(/Step (\d+)/.exec(await stepLabel(page))[1]);
  assert.ok(first > checkpoint && first < checkpoint + 10, `goes on with step ${first} after ${checkpoint}`);
  await page.locator("#stop").click();
  await runStatus(page, "Stopped on request");
  await page.locator("#adapter-list li", { hasText: "long" }).waitFor({ timeout: MINUTE });
  await idle(page);
  assert.equal(await page.locator(".unfinished").count(), 0);

  // An aborted one can be forgotten.
  await addWorldSamples(page, 4);
  await start(page, { steps: 400, name: "gone" });
  await page.locator("#run-label", { hasText: /Step 1\d/ }).waitFor({ timeout: 2 * MINUTE });
  await page.locator("#abort").click();
  await page.getByRole("button", { name: "Forget gone" }).click({ timeout: MINUTE });
  await page.locator(".unfinished").waitFor({ state: "detached" });
  assert.equal(await page.locator("#adapter-list li").count(), 1, "nothing is kept of it");
  assert.deepEqual(problems, []);
  await context.close();
});

test("boxes and relations: by pointer, by keyboard, copied from frame to frame, learnt from", async () => {
  const { context, page, problems } = await openView(browser, server, "fine-tune", {
    model: "scene",
    seed: 1_000_000_005,
  });
  await page.locator("#add-graph summary").click();
  await page.locator("#edit").click();
  await page.locator("#editor:not([hidden])").waitFor({ timeout: MINUTE });

  // By pointer.
  await page.keyboard.type("fox");
  await page.locator("#overlay").scrollIntoViewIfNeeded();
  const { x, y, width, height } = await page.locator("#overlay").boundingBox();
  await page.mouse.move(x + width * 0.2, y + height * 0.3);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.4, y + height * 0.5, { steps: 3 });
  await page.mouse.move(x + width * 0.6, y + height * 0.7, { steps: 3 });
  await page.mouse.up();
  const numbers = (id) =>
    page.locator(`[data-box="${id}"]`).evaluateAll((fields) => fields.map(({ valueAsNumber }) => valueAsNumber));
  (await numbers(1)).forEach((part, i) => assert.ok(Math.abs(part - [40, 50, 40, 40][i]) < 0.6, `part ${i}: ${part}`));

  // By keyboard.
  await page.locator('[data-key="add-object"]').focus();
  await page.keyboard.press("Enter");
  await page.keyboard.type("ball");
  for (const part of ["75", "60", "20", "25"]) {
    await page.keyboard.press("Tab");
    await page.keyboard.type(part);
  }
  assert.deepEqual(await numbers(2), [75, 60, 20, 25]);
  assert.equal(await page.locator("#overlay .box").count(), 2);
  await page.locator('[data-key="add-relation"]').focus();
  await page.keyboard.press("Enter");
  await page.locator('[data-key="add-drawing"]').click();
  assert.match(await page.locator(".card.error").textContent(), /what “fox” does to “ball”/);
  await page.locator('[data-key="predicate-0"]').fill("push");

  // The next frame takes both over.
  await page.locator('[data-key="frame-1"]').click();
  assert.equal(await page.locator("#overlay .box").count(), 0);
  await page.locator('[data-key="copy"]').click();
  assert.equal(await page.locator("#overlay .box").count(), 2);
  assert.equal(await page.locator('[data-key="predicate-0"]').inputValue(), "push");
  assert.deepEqual(await accessibilityFaults(page), []);
  await shot(page, "tune-editor");
  await page.locator('[data-key="add-drawing"]').click();
  await page.locator("#samples-status", { hasText: "1:" }).waitFor();
  assert.equal(await page.locator("#overlay .box").count(), 0);
  assert.equal(await page.locator("#sample-list .says").textContent(), "fox push ball");

  // The generated clip's own graph, and a file that is none.
  await page.locator("#world-graph").click();
  await page.locator("#samples-status", { hasText: "2:" }).waitFor();
  await page
    .locator("#vidor")
    .setInputFiles({ name: "broken.json", mimeType: "application/json", buffer: Buffer.from("{") });
  await page.locator(".card.error", { hasText: "broken.json" }).waitFor();

  // Both teach scene-graph tokens.
  await page.locator("#tune-form summary").click();
  await page.locator("#scene-tokens").check();
  await start(page, { steps: 2, batch: 2, name: "drawn" });
  await runStatus(page, "All steps are done");
  assert.match(await page.locator("#loss-plot").getAttribute("aria-label"), /^Loss over 2 steps/);
  assert.deepEqual(problems, []);
  await context.close();
});

test("samples: held out or not, removed, asked for in vain", async () => {
  const { context, page } = await openView(browser, server, "fine-tune", { model: "plain" });
  await addWorldSamples(page, 4);
  await page.locator("#sample-details summary").click();
  await page.getByRole("checkbox", { name: "Hold sample 1 out" }).check();
  assert.match(await page.locator("#samples-status").textContent(), /^4: 2 to learn from, 2 held out/);
  assert.equal(
    await page.evaluate(() => document.activeElement.getAttribute("aria-label")),
    "Hold sample 1 out",
    "focus stays",
  );
  await page.getByRole("button", { name: "Remove sample 4" }).click();
  assert.match(await page.locator("#samples-status").textContent(), /^3:/);
  await page.locator("#kind-word").fill("elephant");
  await page.locator("#kind-count").fill("1");
  await page.locator("#world-samples button").click();
  await page.locator(".card.error", { hasText: "“elephant”" }).waitFor({ timeout: MINUTE });
  await page.locator("#add-captions summary").click();
  await page.locator("#fits").fill("");
  await page.locator("#caption-sample button").click();
  await page.locator(".card.error code", { hasText: "empty-caption" }).waitFor();
  await page.locator("#fits").fill("a bird sits on a fish");
  await page.locator("#misses").fill("a fish sits on a bird\n\na bird eats a fish");
  await page.locator("#caption-sample button").click();
  await page.locator("#samples-status", { hasText: "4:" }).waitFor();
  assert.equal(
    await page.locator("#sample-list .says").last().textContent(),
    "a bird sits on a fish; not: a fish sits on a bird; a bird eats a fish",
  );
  await page.locator("#clear-samples").click();
  assert.equal(await page.locator("#samples-status").textContent(), "None yet.");
  await page.locator("#start-hint", { hasText: "Add samples first" }).waitFor();
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe-core finds nothing wrong with samples and a plan on a phone: ${colorScheme}`, async () => {
    const { context, page } = await openView(browser, server, "fine-tune", { model: "plain", ...PHONE, colorScheme });
    await addWorldSamples(page, 4);
    await page.locator("#plan:not([hidden])").waitFor({ timeout: MINUTE });
    await page.locator("#view-fine-tune details").evaluateAll((all) => all.forEach((details) => (details.open = true)));
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, "no sideways scrolling");
    await shot(page, `tune-full-phone-${colorScheme}`);
    await context.close();
  });
}
