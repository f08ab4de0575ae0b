// The views of the demo page: links, addresses, keyboard, screen readers (axe-core), narrow screens, the dark scheme.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { CSP, SUB_PATH, accessibilityFaults, fixtures, launch, openPage, path, program, serve } from "./harness.mjs";

const MINUTE = 60_000;
const screenshots = process.env.SGCR_SCREENSHOTS;
const WIDE = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
let server;
let browser;

before(async () => {
  server = await serve({ [SUB_PATH]: path("www", "dist"), "/fixtures/": fixtures });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const url = (view = "") => server.url + SUB_PATH + view;
const ready = (page) => page.locator("#clip-name:not(:empty)").waitFor({ timeout: 4 * MINUTE });
const idle = (page) =>
  page.waitForFunction(() => !document.body.hasAttribute("aria-busy"), null, { timeout: 4 * MINUTE });
const names = (page) => page.locator("#view-links a").evaluateAll((links) => links.map((link) => link.hash.slice(2)));

test("each view has an address, a heading, a link that says it is current; Back returns", async () => {
  const { context, page, problems } = await openPage(browser, url(), WIDE);
  await ready(page);
  const all = await names(page);
  assert.ok(all.includes("score") && all.length > 1, `views ${all}`);
  const headings = new Set();
  for (const name of all) {
    await page.locator(`#view-links a[href="#/${name}"]`).click();
    await page.locator(`#view-${name}:not([hidden])`).waitFor();
    assert.equal(await page.locator("#views > .view:not([hidden])").count(), 1);
    assert.deepEqual(await page.locator("#view-links [aria-current=page]").allTextContents(), [
      await page.locator(`#view-links a[href="#/${name}"]`).textContent(),
    ]);
    const heading = await page.locator("#view-title").textContent();
    headings.add(heading);
    assert.equal(await page.title(), `${heading} · sgcr`);
  }
  assert.equal(headings.size, all.length, "no two views have one heading");
  await page.goBack();
  await page.locator(`#view-${all.at(-2)}:not([hidden])`).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "view-title", "focus tells where one is");
  await page.reload();
  await page.locator(`#view-${all.at(-2)}:not([hidden])`).waitFor();
  await page.goto(url("#/no-such-view"));
  await page.reload();
  await page.locator(`#view-${all[0]}:not([hidden])`).waitFor();
  assert.deepEqual(problems, []);
  await context.close();
});

test("by keyboard: past the links to the view, and from view to view", async () => {
  const { context, page } = await openPage(browser, url(), WIDE);
  await ready(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "skip");
  assert.ok((await page.locator("#skip").boundingBox()).x >= 0, "the skip link comes into sight");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "views");
  assert.equal(new URL(page.url()).hash, "", "the address still names the view");
  const [, second] = await names(page);
  await page.locator(`#view-links a[href="#/${second}"]`).focus();
  await page.keyboard.press("Enter");
  await page.locator(`#view-${second}:not([hidden])`).waitFor();
  await context.close();
});

for (const [screen, options] of [
  ["wide", WIDE],
  ["phone", PHONE],
]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`axe-core finds nothing wrong in any view: ${screen}, ${colorScheme}`, async () => {
      const { context, page, problems } = await openPage(browser, url(), {
        ...options,
        colorScheme,
        reducedMotion: "reduce",
      });
      await ready(page);
      for (const name of await names(page)) {
        await page.goto(url(`#/${name}`));
        await page.locator(`#view-${name}:not([hidden])`).waitFor();
        await idle(page);
        if (screenshots)
          await page.screenshot({ path: join(screenshots, `${name}-${screen}-${colorScheme}.png`), fullPage: true });
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= options.viewport.width, `${name} is ${width} pixels wide on ${options.viewport.width}`);
        assert.deepEqual(await accessibilityFaults(page), [], name);
      }
      assert.deepEqual(problems, []);
      await context.close();
    });
  }
}

test("axe-core finds nothing wrong with errors, notices and the own-model panel", async () => {
  const { context, page } = await openPage(browser, url(), WIDE);
  await ready(page);
  await idle(page);
  await page.locator("#own-model summary").click();
  await page.locator("#model-url").fill(`${server.url}/fixtures/nothing/`);
  await page.locator("#model-form button").click();
  await page.locator(".card.error code", { hasText: "missing-file" }).waitFor({ timeout: MINUTE });
  assert.deepEqual(await accessibilityFaults(page), []);
  await context.close();
});

test("`sgcr serve` sends the policy that the README states, and the page works under it", async (t) => {
  const readme = readFileSync(path("README.md"), "utf8");
  const [, stated] = /^Content-Security-Policy: (.+)$/m.exec(readme) ?? assert.fail("the README states no policy");
  assert.equal(stated, CSP, "the tests' own server sends what the README states");
  const served = spawn(program(), ["serve", "--port", "0", "--folder", path("www", "dist")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  t.after(() => served.kill());
  const address = await new Promise((resolve, reject) => {
    createInterface(served.stderr).on(
      "line",
      (line) => /http:\/\/\S+/.test(line) && resolve(/http:\/\/\S+/.exec(line)[0]),
    );
    served.on("exit", (code) => reject(new Error(`sgcr serve ended with ${code}`)));
  });
  const response = await fetch(address);
  assert.equal(response.headers.get("content-security-policy"), stated);
  assert.equal(response.headers.get("cross-origin-opener-policy"), null);
  assert.equal(response.headers.get("cross-origin-embedder-policy"), null);
  const { context, page, problems } = await openPage(browser, address, WIDE);
  await ready(page);
  await page.locator("#verdict:not(:empty)").waitFor({ timeout: 4 * MINUTE });
  assert.deepEqual(problems, []);
  await context.close();
});
