// Clips found by text in the page: the native program's windows and cosines, films cut into scenes; the view.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SUB_PATH, accessibilityFaults, fixtures, openPage, path, sgcr } from "./harness.mjs";
import { MINUTE, PHONE, openView, shot } from "./page_parts.mjs";
import { setStage } from "./stage.mjs";

/** The same clip decoded by ffmpeg and by WebCodecs. */
const DECODER_TOLERANCE = 2e-3;

const video = (name) => join(fixtures, "videos", name);

/** Forty frames each of three clips, one after another. */
function writeFilm(output) {
  const part = (at) => `[${at}:v]trim=end_frame=40,fps=30,trim=end_frame=40,scale=320:240,setsar=1,format=yuv420p[v${at}]`;
  const filter = `${part(0)};${part(1)};${part(2)};[v0][v1][v2]concat=n=3[out]`;
  const inputs = ["bottle-detection.mp4", "rabbit320.webm", "asl-eat.mkv"].flatMap((name) => ["-i", video(name)]);
  const codec = ["-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "20", "-deadline", "realtime", "-cpu-used", "8"];
  execFileSync("ffmpeg", ["-v", "error", "-nostdin", "-y", ...inputs, "-filter_complex", filter, "-map", "[out]", ...codec, output]);
}

let folder;
let server;
let browser;
setStage(
  (stage) => ({ folder, server, browser } = stage),
  (folder) => {
    const videos = join(folder, "videos");
    mkdirSync(join(videos, "more"), { recursive: true });
    writeFilm(join(videos, "film.webm"));
    copyFileSync(video("pig.webm"), join(videos, "more", "pig.webm"));
    writeFileSync(join(videos, "broken.mp4"), "no video ".repeat(1000));
    writeFileSync(join(videos, "notes.txt"), "no video either");
    return { "/files/": folder, "/e2e/": path("tests", "e2e") };
  },
);

test("the page finds the clips that the native program finds", async () => {
  const texts = ["a red dog chases a cat", "a robot carries a box"];
  const args = ["--window", "1", "--top", "100", "--overlapping", "--json", "--allow-missing"];
  const expected = JSON.parse(sgcr("--quiet", "search", join(folder, "videos"), ...args, "--index", join(folder, "index"), "--text", ...texts));
  const { context, page, problems } = await openPage(browser, `${server.url}/e2e/blank.html`);
  const got = await page.evaluate(
    async ({ library, model, texts }) => {
      const { createEngine } = await import(library);
      const engine = await createEngine({ model, device: "cpu" });
      const early = await engine.search(texts).catch((error) => error.code);
      const videos = {};
      for (const path of ["film.webm", "broken.mp4", "notes.txt", "more/pig.webm"]) {
        const blob = await (await fetch(`/files/videos/${path}`)).blob();
        videos[path] = new File([blob], path, { lastModified: 1 });
      }
      // One by its handle, as a folder that was opened has them.
      const handle = await (await navigator.storage.getDirectory()).getFileHandle("pig.webm", { create: true });
      const writing = await handle.createWritable();
      await writing.write(videos["more/pig.webm"]);
      await writing.close();
      videos["more/pig.webm"] = handle;
      const collect = async (run) => {
        const events = [];
        for await (const event of run) events.push(event);
        return events;
      };
      const events = await collect(engine.index(videos, { window: 1 }));
      const found = await engine.search(texts, { top: 100, overlapping: true });
      const best = await engine.search(texts, { top: 3 });
      const again = await collect(engine.index(videos, { window: 1 }));
      const refused = await collect(engine.index(videos, { window: 0 })).catch((error) => error.code);
      const controller = new AbortController();
      const aborted = [];
      try {
        for await (const event of engine.index(videos, { window: 0.7, signal: controller.signal })) {
          aborted.push(event.type);
          if (event.type === "frames") controller.abort();
        }
      } catch (error) {
        aborted.push(error.code);
      }
      engine.dispose();
      return { early, events, found, best, again, refused, aborted };
    },
    { library: `${SUB_PATH}sgcr/dist/index.js`, model: `${SUB_PATH}model/`, texts },
  );
  assert.equal(got.early, "invalid-input");
  const done = got.events.at(-1);
  assert.deepEqual([done.videos, done.embedded, done.clips], [expected.videos, 2, expected.clips]);
  assert.deepEqual(done.skipped.map(({ video, code }) => [video, code]), [["broken.mp4", "unsupported-video"]]);
  assert.ok(got.events.some(({ type, stage, video }) => type === "frames" && stage === "cuts" && video === "film.webm"));
  // By place: of cosines as near as two decoders leave them, either order is right.
  const place = ({ video, frames: { start, end } }) => `${video} ${start} ${end}`;
  for (const [at, { hits }] of expected.queries.entries()) {
    const own = new Map(got.found[at].map((hit) => [place(hit), hit]));
    assert.equal(own.size, hits.length);
    for (const hit of hits) {
      const same = own.get(place(hit));
      assert.ok(same, `${place(hit)} is a window here, too`);
      assert.ok(Math.abs(same.cosine - hit.cosine) < DECODER_TOLERANCE, `${place(hit)}: ${same.cosine}, ${hit.cosine}`);
      for (const end of [0, 1]) assert.ok(Math.abs(same.seconds[end] - hit.seconds[end]) < 0.01);
    }
    const sorted = got.found[at].map(({ cosine }) => cosine);
    assert.ok(sorted.every((cosine, i) => i === 0 || cosine <= sorted[i - 1]));
    assert.equal(got.best[at].length, 3);
    assert.equal(got.best[at][0].cosine, sorted[0]);
  }
  assert.ok(got.found[0].some(({ video, frames }) => video === "film.webm" && frames.end === 40), "the film is cut at frame 40");
  assert.deepEqual([got.again.at(-1).embedded, got.again.at(-1).clips], [0, expected.clips]);
  assert.equal(got.refused, "invalid-input");
  assert.deepEqual(got.aborted.filter((type) => type !== "skipped"), ["start", "frames", "aborted"]);
  assert.deepEqual(problems, []);
  await context.close();
});

for (const [title, options] of [["wide", {}], ["on a phone, dark", { ...PHONE, colorScheme: "dark" }]]) {
  test(`the view: videos are read, a sentence finds a clip, the clip is shown: ${title}`, async () => {
    const { context, page, problems } = await openView(browser, server, "search", options);
    assert.ok(await page.locator("#index-start").isDisabled());
    assert.match(await page.locator("#index-hint").textContent(), /Choose videos/);
    await page.locator("#library-folder").setInputFiles(join(folder, "videos"));
    await page.locator("#window-seconds").fill("1");
    assert.deepEqual(await accessibilityFaults(page), []);
    await page.locator("#index-start").click();
    await page.locator("#search-status", { hasText: /clips of 2 videos/ }).waitFor({ timeout: 4 * MINUTE });
    assert.deepEqual(await page.locator("#skipped-list tbody th").allTextContents(), ["broken.mp4"]);
    await page.locator("#query").fill("a dog");
    await page.keyboard.press("Enter");
    await page.locator("#hits li").first().waitFor({ timeout: MINUTE });
    assert.match(await page.locator("#find-status").textContent(), /^\d clips/);
    const hit = page.locator("#hits button").first();
    const file = await hit.locator(".where").textContent();
    const [, minutes, seconds] = /(\d+):(\d+\.\d) to/.exec(await hit.textContent());
    await hit.click();
    await page.locator("#clip-name", { hasText: file.split("/").at(-1) }).waitFor();
    const begin = Number(minutes) * 60 + Number(seconds);
    await page.waitForFunction((begin) => Math.abs(document.querySelector("#video-player").currentTime - begin) < 0.1, begin);
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, "no sideways scrolling");
    await shot(page, `search-${title.split(",")[0]}`);
    assert.deepEqual(problems, []);
    await context.close();
  });
}
