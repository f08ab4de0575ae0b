// What the tests of the page's views share: tiny models, opening the page with one, waiting for it.
import { join } from "node:path";
import { SUB_PATH, openPage, sgcr } from "./harness.mjs";
import { setStage } from "./stage.mjs";

export const MINUTE = 60_000;
export const WIDE = { viewport: { width: 1280, height: 900 } };
export const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

/** The smallest ViCLIP that the world's frames fit, after a step or two: it knows nothing, but all of it is there. */
const TINY =
  "--vision-width 48 --vision-heads 4 --vision-layers 3 --text-width 32 --text-layers 1 --embed-dim 32 --batch 2 --eval-clips 2";

/** Sets the stage with models "plain" and "scene" (with scene-graph tokens) below /models/. */
export function setTinyStage(take) {
  setStage(take, (folder) => {
    sgcr("train", "--output", join(folder, "plain"), "--steps", "1", ...TINY.split(" "));
    const tokens = "--scenes 2 --set scene_tokens.variant=literal --set scene_tokens.heads=4";
    sgcr("train", "--output", join(folder, "scene"), "--steps", "2", ...tokens.split(" "), ...TINY.split(" "));
    return { "/models/": folder };
  });
}

/** Takes a picture of the page, where SGCR_SCREENSHOTS names a folder for them. */
export async function shot(page, name) {
  const pictures = process.env.SGCR_SCREENSHOTS;
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

/** Nothing runs, and a clip is there. */
export async function idle(page) {
  await page.locator("#clip-name:not(:empty)").waitFor({ timeout: 4 * MINUTE });
  await page.waitForFunction(() => !document.body.hasAttribute("aria-busy"), null, { timeout: 4 * MINUTE });
}

/** Loads a model of the test's in place of the shipped one. */
export async function openModel(page, server, model) {
  await idle(page);
  await page.locator("#own-model summary").click();
  await page.locator("#model-url").fill(`${server.url}/models/${model}/`);
  // It is written again once the new model is open.
  await page.locator("#engine-line").evaluate((line) => (line.textContent = ""));
  await page.locator("#model-form button").click();
  await page.locator("#engine-line:not(:empty)").waitFor({ timeout: MINUTE });
  await page.locator("#own-model summary").click();
  await idle(page);
}

/** The page at one of its views, with a model of the test's in place of the shipped one. */
export async function openView(browser, server, view, { model, seed, ...options } = {}) {
  const opened = await openPage(browser, `${server.url}${SUB_PATH}#/${view}`, {
    ...WIDE,
    reducedMotion: "reduce",
    ...options,
  });
  const { page } = opened;
  await idle(page);
  if (model) await openModel(page, server, model);
  if (seed !== undefined) {
    await page.locator("#seed").fill(String(seed));
    await page.locator("#world-form button[type=submit]").click();
    await page.locator("#clip-name", { hasText: `seed ${seed}` }).waitFor();
    await idle(page);
  }
  return opened;
}

/** What the library itself says, in the same page: `script` finds its engine under `window.engine`. */
export async function withEngine(page, server, model, script, argument) {
  await page.evaluate(
    async ([library, model]) => {
      const { createEngine } = await import(library);
      window.engine = await createEngine({ model, device: "cpu" });
    },
    [`${SUB_PATH}sgcr/dist/index.js`, `${server.url}/models/${model}/`],
  );
  const result = await page.evaluate(script, argument);
  await page.evaluate(() => window.engine.dispose());
  return result;
}
