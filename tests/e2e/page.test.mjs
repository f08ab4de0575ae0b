// The demo page as a visitor uses it: model, generated clip, own clip, keyboard, phone, faults.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SUB_PATH, fixtures, launch, openPage, path, serve } from "./harness.mjs";

const MINUTE = 60_000;
const screenshots = process.env.SGCR_SCREENSHOTS;
let server;
let browser;

before(async () => {
  assert.ok(existsSync(path("www", "dist", "model", "config.json")), "build the page first: cd pkg && npm run build");
  server = await serve({ [SUB_PATH]: path("www", "dist"), "/fixtures/": fixtures });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const url = () => server.url + SUB_PATH;
const scored = (page) => page.locator("#verdict:not(:empty)").waitFor({ timeout: 4 * MINUTE });

async function shot(page, name) {
  if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
}

test("the shipped model loads, draws a clip and scores its captions; no other server is asked", async () => {
  const { context, page, problems } = await openPage(browser, "about:blank", { viewport: { width: 1280, height: 900 } });
  const strangers = [];
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(server.url)) strangers.push(request.url());
  });
  await page.goto(url());
  await scored(page);
  assert.match(await page.locator("#engine-line").textContent(), /^CPU.*ViCLIP at \d+ pixels/);
  assert.match(await page.locator(".card.notice").textContent(), /Running on the CPU.*imitates/s);
  assert.match(await page.locator("#timeline-text").textContent(), /The model sees \d+ of 32 frames/);
  const shares = await page.locator(".share dd").allTextContents();
  assert.equal(shares.length, 2);
  const sum = shares.reduce((total, share) => total + Number.parseFloat(share), 0);
  assert.ok(Math.abs(sum - 100) <= 1.2, `shares ${shares} are those of one whole`);
  assert.match(await page.locator("#verdict").textContent(), /Told apart|Fooled/);
  assert.equal(await page.locator(".caption.best").count(), 1);
  // A seed draws the same clip again.
  const picture = () => page.locator("#world-player").evaluate((canvas) => canvas.toDataURL());
  await page.locator("#world-play").click();
  await shot(page, "wide-light");
  await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
  await shot(page, "wide-dark");
  await page.locator("#seed").fill("77");
  await page.locator("#world-form button[type=submit]").click();
  await page.locator("#clip-name", { hasText: "seed 77" }).waitFor();
  await scored(page);
  const first = await picture();
  await page.locator("#dice").click();
  await scored(page);
  await page.locator("#seed").fill("77");
  await page.locator("#world-form button[type=submit]").click();
  await page.locator("#clip-name", { hasText: "seed 77" }).waitFor();
  assert.equal(await picture(), first);
  assert.deepEqual(problems, []);
  assert.deepEqual(strangers, []);
  await context.close();
});

test("asked for WebGPU, the same clip is scored there, after a self-test", async () => {
  const { context, page, problems } = await openPage(browser, url(), { viewport: { width: 1280, height: 900 } });
  await scored(page);
  const shares = () => page.locator(".share dd").allTextContents();
  const onCpu = await shares();
  await page.locator("#own-model summary").click();
  await page.locator("#device").selectOption("webgpu");
  await page.locator("#engine-line", { hasText: "WebGPU" }).waitFor({ timeout: 2 * MINUTE });
  assert.match(await page.locator("#engine-line").textContent(), /^WebGPU.*Self-test passed/);
  await scored(page);
  assert.deepEqual(await shares(), onCpu);
  await shot(page, "webgpu");
  assert.deepEqual(problems, []);
  await context.close();
});

test("a clip of one's own is decoded and scored, with the shipped model's limits told", async () => {
  const { context, page, problems } = await openPage(browser, url(), { viewport: { width: 1280, height: 900 } });
  await scored(page);
  await page.locator("#file").setInputFiles(join(fixtures, "videos", "rabbit320.webm"));
  await page.locator("#clip-name", { hasText: "rabbit320.webm" }).waitFor();
  await page.locator("#timeline:not([hidden])").waitFor({ timeout: 2 * MINUTE });
  await scored(page);
  assert.match(await page.locator("#timeline-text").textContent(), /at [\d., ]+ s/);
  assert.equal(await page.locator(".card.notice h2").last().textContent(), "This model knows only the generated world");
  await shot(page, "own-clip");
  assert.deepEqual(problems, []);
  await context.close();
});

test("by keyboard alone: change a caption, add one, remove one, score, stop", async () => {
  const { context, page } = await openPage(browser, url());
  await scored(page);
  const focus = async (predicate) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(predicate)) return;
    }
    assert.fail(`never reached by Tab: ${predicate}`);
  };
  await focus(`document.activeElement.getAttribute("aria-label") === "Caption 1"`);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outline, "none", "focus is visible");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("a red dog pushes a blue cart");
  assert.equal(await page.locator("#caption-list.stale").count(), 1);
  await page.keyboard.press("Enter");
  await page.locator("#caption-list:not(.stale)").waitFor();
  await focus(`document.activeElement.id === "add"`);
  await page.keyboard.press("Enter");
  await page.keyboard.type("nothing happens");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll(".share").length === 3);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".caption").count(), 2);
  assert.ok(await page.evaluate(() => document.activeElement.matches("textarea")), "focus stays in the list");
  await context.close();
});

test("every control has a name, and the page works at a phone's width without sideways scrolling", async () => {
  const { context, page } = await openPage(browser, url(), {
    viewport: { width: 360, height: 740 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  });
  await scored(page);
  await page.locator("#own-model summary").tap();
  await page.locator("#world-play").tap();
  await shot(page, "phone-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await shot(page, "phone-dark");
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, "no sideways scrolling");
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, textarea, progress")]
      .filter((control) => {
        const label = control.labels?.[0]?.textContent ?? "";
        const by = control.getAttribute("aria-labelledby") ?? "";
        const named = by.split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("");
        return !(control.getAttribute("aria-label") || label.trim() || named.trim() || control.textContent.trim());
      })
      .map((control) => control.outerHTML),
  );
  assert.deepEqual(nameless, []);
  await context.close();
});

test("faults are told with their cause and what to do, and the page goes on", async () => {
  const { context, page } = await openPage(browser, url());
  await scored(page);
  const code = (text) => page.locator(".card.error code", { hasText: text }).waitFor({ timeout: MINUTE });

  await page.locator("#own-model summary").click();
  await page.locator("#model-url").fill("http://127.0.0.1:1/model/");
  await page.locator("#model-form button").click();
  await code("fetch");
  assert.match(await page.locator(".card.error").textContent(), /127\.0\.0\.1:1.*CORS/s);
  await shot(page, "error");

  await page.locator("#model-url").fill(`${server.url}/fixtures/nothing/`);
  await page.locator("#model-form button").click();
  await code("missing-file");
  assert.match(await page.locator(".card.error").textContent(), /config\.json/);

  await page.locator("#file").setInputFiles(join(fixtures, "videos", "NOTICE.md"));
  await code("unsupported-video");

  await page.locator("#seed").fill("5");
  await page.locator("#world-form button[type=submit]").click();
  await page.locator("#clip-name", { hasText: "seed 5" }).waitFor();
  await scored(page);
  assert.equal(await page.locator(".card.error").count(), 0, "a success takes the error away");

  await page.locator(".caption textarea").first().fill("   ");
  await page.locator("#score").click();
  await code("empty-caption");
  await context.close();
});

test("a model that takes long can be cancelled; the old one stays", async () => {
  const hanging = await serve({}, {
    "/slow/config.json": (_, response) => {
      response.writeHead(200, { "content-type": "application/json", "access-control-allow-origin": "*" });
      response.write("{");
    },
  });
  const { context, page } = await openPage(browser, url());
  await scored(page);
  await page.locator("#own-model summary").click();
  await page.locator("#model-url").fill(`${hanging.url}/slow/`);
  await page.locator("#model-form button").click();
  await page.locator("#work:not([hidden])").waitFor();
  await page.locator("#cancel").click();
  await page.locator("#work[hidden]").waitFor({ state: "attached" });
  assert.equal(await page.locator(".card.error").count(), 0);
  await page.locator("#score").click();
  await scored(page);
  await hanging.close();
  await context.close();
});

test("a folder from disk is a model too", async () => {
  const { context, page, problems } = await openPage(browser, url());
  await scored(page);
  await page.locator("#own-model summary").click();
  await page.locator("#folder").setInputFiles(path("www", "model"));
  await page.waitForFunction(() => document.querySelector("#work").hidden && !document.body.hasAttribute("aria-busy"));
  await page.locator("#score").click();
  await scored(page);
  assert.deepEqual(problems, []);
  await context.close();
});

test("without WebGPU the CPU does it, and the page says why", async () => {
  const plain = await launch({ webgpu: false });
  const { context, page } = await openPage(plain, url(), { viewport: { width: 1280, height: 900 } });
  await scored(page);
  assert.match(await page.locator("#engine-line").textContent(), /^CPU/);
  assert.match(await page.locator(".card.notice").textContent(), /Running on the CPU.*WebGPU/s);
  assert.match(await page.locator("#advice").textContent(), /adapter|WebGPU/);
  await shot(page, "cpu");
  await context.close();
  await plain.close();
});
