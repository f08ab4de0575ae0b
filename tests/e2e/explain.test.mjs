// The view "Explain" against what the engine says: triplets, boxes, attention, captions; with and without scene-graph tokens.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { accessibilityFaults, fixtures } from "./harness.mjs";
import { MINUTE, PHONE, idle, openView, setTinyStage, shot, withEngine } from "./page_parts.mjs";

const SEED = 2_000_000_007;
let server;
let browser;
setTinyStage((stage) => ({ server, browser } = stage));

const explained = (page) => page.locator("#attention-panel:not([hidden])").waitFor({ timeout: 2 * MINUTE });

async function setThreshold(page, value) {
  await page.locator("#threshold").evaluate((range, wanted) => {
    range.value = wanted;
    range.dispatchEvent(new Event("input"));
  }, String(value));
}

/** What the engine itself says of the clip of SEED, with the labels that the page offers. */
async function reference(page) {
  const labels = await page.evaluate(() => {
    const list = (id) =>
      document
        .querySelector(id)
        .value.split(",")
        .map((word) => word.trim());
    return { entities: list("#entities"), predicates: list("#predicates") };
  });
  const script = async ({ seed, labels }) => {
    const clip = await window.engine.worldClip(seed);
    return { explanation: await window.engine.explain(clip.frames, labels), labels, graph: clip.graph };
  };
  return withEngine(page, server, "scene", script, { seed: SEED, labels });
}

test("the view shows the triplets, boxes and shares that the engine tells", async () => {
  const { context, page, problems } = await openView(browser, server, "explain", { model: "scene", seed: SEED });
  await explained(page);
  const { explanation, labels, graph } = await reference(page);
  const { frames } = explanation;
  const kinds = new Set(graph["subject/objects"].map(({ category }) => category));
  assert.ok(labels.entities.length > 1 && labels.entities.every((label) => kinds.has(label.split(" ")[1])), `${labels.entities}`);
  const predicates = graph.relation_instances.map(({ predicate }) => predicate.replaceAll("_", " "));
  assert.ok(
    predicates.every((predicate) => labels.predicates.includes(predicate)),
    `${predicates} among ${labels.predicates}`,
  );

  // The table: the best score of each triplet in each frame, the best rows first.
  await setThreshold(page, 0);
  const best = new Map();
  frames.forEach(({ triplets }, column) => {
    for (const { subject, predicate, object, score } of triplets) {
      const text = [subject, predicate, object].map(({ label }) => label).join(" ");
      const row = best.get(text) ?? frames.map(() => 0);
      row[column] = Math.max(row[column], score);
      best.set(text, row);
    }
  });
  const expected = [...best].sort(([, a], [, b]) => Math.max(...b) - Math.max(...a)).slice(0, 12);
  const rows = await page
    .locator(".triplet-table tbody tr")
    .evaluateAll((all) =>
      all.map((row) => [
        row.querySelector("th").textContent,
        [...row.querySelectorAll("td")].map((cell) => cell.textContent),
      ]),
    );
  assert.deepEqual(
    rows,
    expected.map(([text, scores]) => [text, scores.map((score) => score.toFixed(2))]),
  );

  // A cell leads to its frame, whose boxes lie where the engine says.
  await page.locator(".triplet-table tbody tr").first().locator("button").nth(3).click();
  assert.equal(await page.locator(".triplet-table th.now").textContent(), String(frames[3].frame));
  const words = ({ subject, predicate, object }) => [subject, predicate, object].map(({ label }) => label).join(" ");
  const { triplets } = frames[3];
  const shown = triplets
    .filter((one, i) => triplets.findIndex((other) => words(other) === words(one)) === i)
    .slice(0, 4);
  const said = await page.locator("#now-list li").evaluateAll((all) => all.map(({ title }) => title));
  assert.deepEqual(said, shown.map(words));
  const drawn = await page.locator("#overlay .box").evaluateAll((boxes) => {
    const { left, top, width, height } = document.querySelector("#picture").getBoundingClientRect();
    return boxes.map((box) => {
      const at = box.getBoundingClientRect();
      return [
        box.classList.contains("subject"),
        (at.left - left) / width,
        (at.top - top) / height,
        (at.right - left) / width,
        (at.bottom - top) / height,
      ];
    });
  });
  const clamp = (part) => Math.min(Math.max(part, 0), 1);
  const corners = ([x, y, w, h]) => [x - w / 2, y - h / 2, x + w / 2, y + h / 2].map(clamp);
  const boxes = shown.flatMap(({ subject, object }) => [
    [true, ...corners(subject.box)],
    [false, ...corners(object.box)],
  ]);
  assert.equal(drawn.length, boxes.length);
  drawn.forEach(([isSubject, ...sides], i) => {
    assert.equal(isSubject, boxes[i][0]);
    // A border of 2 pixels is the least that a box takes.
    sides.forEach((side, j) =>
      assert.ok(Math.abs(side - boxes[i][j + 1]) < 0.02, `box ${i}: ${sides} for ${boxes[i].slice(1)}`),
    );
  });
  await shot(page, "explain-boxes");

  // The shares, layer by layer.
  await page.locator(".numbers-details summary").click();
  const shares = await page
    .locator("#attention-numbers tbody tr")
    .evaluateAll((all) =>
      all.map((row) => [...row.querySelectorAll("td")].map((cell) => Number.parseFloat(cell.textContent))),
    );
  assert.equal(shares.length, explanation.attention.length);
  shares.forEach((row, layer) => {
    const { scene, patch, cls } = explanation.attention[layer];
    [scene, patch, cls].forEach((share, i) =>
      assert.ok(Math.abs(row[i] - share * 100) <= 0.051, `layer ${layer}: ${row}`),
    );
    assert.ok(row[0] > 0, "scene-graph tokens get some attention");
  });
  assert.match(
    await page.locator("#attention-plot").getAttribute("aria-label"),
    /Scene-graph tokens get most in layer \d/,
  );
  assert.ok((await page.locator("#attention-plot canvas").boundingBox()).width > 200, "the plot is there");

  // Two captions, side by side.
  const percentages = await page
    .locator(".pair-card .quiet")
    .evaluateAll((all) =>
      all
        .map(({ textContent }) => Number.parseFloat(/Softmax ([\d.]+)/.exec(textContent)?.[1]))
        .filter((share) => !Number.isNaN(share)),
    );
  assert.equal(percentages.length, 2);
  assert.ok(Math.abs(percentages[0] + percentages[1] - 100) <= 1.2, `${percentages}`);
  const cards = await Promise.all([0, 1].map((i) => page.locator(".pair-card").nth(i).boundingBox()));
  assert.ok(cards[0].y === cards[1].y && cards[0].x < cards[1].x, "side by side on a wide screen");

  // Above every score nothing is left, and the page says which is best.
  await setThreshold(page, 1);
  assert.equal(await page.locator(".triplet-table tbody tr").count(), 0);
  assert.equal(await page.locator("#overlay .box").count(), 0);
  assert.ok((await page.locator("#scene-note").textContent()).includes(`“${expected[0][0]}”`));

  // Boxes belong to this view.
  await setThreshold(page, 0);
  assert.ok((await page.locator("#overlay .box").count()) > 0);
  await page.locator('#view-links a[href="#/score"]').click();
  await page.locator("#view-score:not([hidden])").waitFor();
  assert.equal(await page.locator("#overlay .box").count(), 0);
  assert.deepEqual(problems, []);
  await context.close();
});

test("the words are the user's own; an empty list is asked for, not sent", async () => {
  const { context, page, problems } = await openView(browser, server, "explain", { model: "scene", seed: SEED });
  await explained(page);
  await page.locator("#entities").fill("zebra, fox, zebra");
  await page.locator("#predicates").fill("sings to");
  await page.keyboard.press("Enter");
  await idle(page);
  await setThreshold(page, 0);
  const said = await page.locator(".triplet-table tbody th").allTextContents();
  assert.ok(said.length > 0);
  for (const text of said) assert.match(text, /^(zebra|fox) sings to (zebra|fox)$/);
  await page.locator("#entities").fill(" , ");
  await page.locator("#labels-form button[type=submit]").click();
  await page.locator("#scene-status", { hasText: "at least one word" }).waitFor();
  const entities = async () => (await page.locator("#entities").inputValue()).split(", ");
  await page.locator("#clip-labels").click();
  await idle(page);
  const cast = await entities();
  await page.locator("#world-labels").click();
  await idle(page);
  assert.match(await page.locator("#scene-status").textContent(), /triplets in \d+ frames/);
  const all = await entities();
  assert.ok(all.length === 13 * 8 && cast.length < 8 && cast.every((label) => all.includes(label)), `${cast}`);
  assert.deepEqual(problems, []);
  await context.close();
});

test("over a video of one's own, boxes follow its clock and its shape", async () => {
  const { context, page, problems } = await openView(browser, server, "explain", { model: "scene" });
  await page.locator("#file").setInputFiles(join(fixtures, "videos", "rabbit320.webm"));
  await page.locator("#clip-name", { hasText: "rabbit320.webm" }).waitFor();
  await page.locator(".triplet-table thead", { hasText: " s" }).waitFor({ state: "attached", timeout: 2 * MINUTE });
  await setThreshold(page, 0);
  const second = page.locator(".triplet-table tbody tr").first().locator("button").nth(5);
  const wanted = Number.parseFloat(await page.locator(".triplet-table thead th").nth(6).textContent());
  await second.click();
  await page.waitForFunction(() => document.querySelector(".triplet-table thead th.now")?.dataset.column === "5");
  const [time, ratio, paused] = await page
    .locator("#video-player")
    .evaluate((video) => [video.currentTime, video.videoWidth / video.videoHeight, video.paused]);
  assert.ok(Math.abs(time - wanted) < 0.06, `at ${time} s, wanted ${wanted}`);
  assert.ok(paused);
  const { width, height } = await page.locator("#overlay").boundingBox();
  assert.ok(Math.abs(width / height - ratio) < 0.02, `the overlay is ${width} x ${height}, the video's ratio ${ratio}`);
  await shot(page, "explain-own-clip");
  assert.deepEqual(problems, []);
  await context.close();
});

test("a model without scene-graph tokens: said so, with what it can tell", async () => {
  const { context, page, problems } = await openView(browser, server, "explain", { model: "plain", seed: SEED });
  await explained(page);
  assert.match(await page.locator("#scene-empty").textContent(), /no scene-graph tokens.*sgcr train/s);
  assert.ok(!(await page.locator("#labels-form").isVisible()));
  assert.ok(!(await page.locator("#scene-result").isVisible()));
  assert.equal(
    await page
      .locator("#attention-note")
      .textContent()
      .then((text) => text.includes("patches alone")),
    true,
  );
  assert.equal(await page.locator(".pair-card").count(), 2);
  assert.deepEqual(await accessibilityFaults(page), []);
  await shot(page, "explain-empty");
  assert.deepEqual(problems, []);
  await context.close();
});

for (const [screen, options] of [
  ["wide", {}],
  ["phone", PHONE],
]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`axe-core finds nothing wrong with an explained clip: ${screen}, ${colorScheme}`, async () => {
      const { context, page } = await openView(browser, server, "explain", {
        model: "scene",
        seed: SEED,
        ...options,
        colorScheme,
      });
      await explained(page);
      await setThreshold(page, 0);
      await page.locator(".numbers-details summary").click();
      assert.deepEqual(await accessibilityFaults(page), []);
      const { width } = page.viewportSize();
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, "no sideways scrolling");
      await shot(page, `explain-full-${screen}-${colorScheme}`);
      await context.close();
    });
  }
}
