// Benchmarks in the page: sample by sample what the native program says, on the generated world and on files; the view.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SUB_PATH, accessibilityFaults, fixtures, openPage, path, sgcr } from "./harness.mjs";
import { MINUTE, PHONE, openView, shot } from "./page_parts.mjs";
import { setStage } from "./stage.mjs";

/** The same arithmetic on two sets of vector registers. */
const SAME = 1e-4;
/** The same clip decoded by ffmpeg and by WebCodecs. */
const DECODER_TOLERANCE = 2e-3;
const CLIPS = 12;
const FIRST = 12_000_000_000;
const name = (at) => `world_${FIRST + at}.webm`;

/** Captions as MSVD has them, by Python's `pickle.dumps({"world_12000000003": [["a", "dog", "runs"], …], …}, 2)`: 2, 1 and 3. */
const PICKLED = [
  "gAJ9cQAoWBEAAAB3b3JsZF8xMjAwMDAwMDAwM3EBXXECKF1xAyhYAQAAAGFxBFgDAAAAZG9ncQVYBAAAAHJ1bnNxBmVdcQcoWAMAAAB0aGVxCF",
  "gFAAAAY2F0J3NxCVgDAAAAYm94cQplZVgRAAAAd29ybGRfMTIwMDAwMDAwMDFxC11xDF1xDShoBFgDAAAAcmVkcQ5YAwAAAGZveHEPZWFYEQAA",
  "AHdvcmxkXzEyMDAwMDAwMDAwcRBdcREoXXESWAMAAABvbmVxE2FdcRQoWAMAAAB0d29xFVgFAAAAYmlyZHNxFmVdcRcoaARYBQAAAHJvYm90cR",
  "hlZXUu",
].join("");

let folder;
let server;
let browser;
let rows;
setStage(
  (stage) => ({ folder, server, browser } = stage),
  (folder) => {
    const videos = join(folder, "videos");
    sgcr("world", "write", "--split", "test", "--count", String(CLIPS), "--output", videos);
    rows = Array.from({ length: CLIPS }, (_, at) => {
      const { near_misses: misses } = JSON.parse(readFileSync(join(videos, name(at).replace(".webm", ".captions.json")), "utf8"));
      return misses.map(({ positive, negative, kind }) => ({ video: name(at), positive, negative, kind }));
    }).flat();
    rows.push({ video: "broken.webm", positive: "a", negative: "b", kind: "coref" });
    rows.push({ video: "none.mp4", positive: "a", negative: "b", kind: "coref" });
    writeFileSync(join(videos, "broken.webm"), "no video ".repeat(1000));
    writeFileSync(join(folder, "pairs.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const data = rows.slice(0, -2).filter(({ video }, at, all) => all.findIndex((row) => row.video === video) === at);
    writeFileSync(join(folder, "ret.json"), JSON.stringify(data.map(({ video, positive }) => ({ video, caption: positive }))));
    return { "/files/": folder, "/e2e/": path("tests", "e2e"), "/fixtures/": fixtures };
  },
);

/** A page with the shipped model's engine under `window.engine`, and what tests do with it. */
async function enginePage() {
  const opened = await openPage(browser, `${server.url}/e2e/blank.html`);
  await opened.page.evaluate(
    async ([library, model]) => {
      const { createEngine } = await import(library);
      window.engine = await createEngine({ model, device: "cpu" });
      window.file = async (url) => {
        const blob = await (await fetch(url)).blob();
        // As a picker tells it; the test's server knows no images.
        const type = url.endsWith(".png") ? "image/png" : blob.type;
        return new File([blob], url.split("/").at(-1), { type, lastModified: 1 });
      };
      window.files = async (urls) => Object.fromEntries(await Promise.all(urls.map(async (url) => [url.split("/").at(-1), await window.file(url)])));
      window.collect = async (run) => {
        const events = [];
        for await (const event of run) events.push(event);
        return events;
      };
    },
    [`${SUB_PATH}sgcr/dist/index.js`, `${SUB_PATH}model/`],
  );
  return opened;
}

/** `results.json` and samples of a native run. */
function native(task, ...args) {
  const output = join(folder, `native-${task}`);
  try {
    sgcr("--quiet", "eval", task, ...args, "--output", output);
  } catch (error) {
    // Samples without a video.
    assert.equal(error.status, 3, error.stderr);
  }
  const lines = readFileSync(join(output, `samples_${task}.jsonl`), "utf8");
  return { document: JSON.parse(readFileSync(join(output, "results.json"), "utf8")), samples: parsed(lines) };
}

const parsed = (lines) =>
  lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

/** Without what tells the time, and how the device calls itself. */
function timeless(document) {
  const { date, times, total_evaluation_time_seconds: seconds, ...rest } = document;
  assert.ok(date > 1.7e9 && seconds >= 0 && times.videos >= 0);
  const { device_description: _, ...model } = rest.config.model;
  return { ...rest, config: { ...rest.config, model } };
}

/** Lines of pairs are the same but for scores, which are near. */
function assertSamePairs(got, expected, tolerance) {
  assert.equal(got.length, expected.length);
  for (const [at, { pos_score: positive, neg_score: negative, ms, ...rest }] of got.entries()) {
    const { pos_score: wantedPositive, neg_score: wantedNegative, ms: _, ...wanted } = expected[at];
    assert.deepEqual(rest, wanted);
    assert.ok(ms >= 0);
    for (const [a, b] of [[positive, wantedPositive], [negative, wantedNegative]]) assert.ok(Math.abs(a - b) < tolerance, `${rest.id}: ${a}, ${b}`);
  }
}

test("native and page agree sample by sample on the world, and in results.json", async () => {
  const expected = native("world", "--limit", "24");
  const { context, page, problems } = await enginePage();
  const run = () => window.collect(window.engine.evaluate({ task: "world", limit: 24 }));
  const events = await page.evaluate(run);
  const done = events.at(-1);
  assert.equal(done.type, "done");
  assert.equal(done.samplesFile, "samples_world.jsonl");
  assertSamePairs(parsed(done.samples), expected.samples, SAME);
  const document = JSON.parse(done.document);
  assert.deepEqual(timeless(document), timeless(expected.document));
  assert.equal(document.config.model.device, "cpu");
  assert.deepEqual(done.rows, document.table);
  assert.match(done.markdown, /\| agent identification \|/);
  const { wrong } = parsed(done.samples).reduce((count, { correct }) => ({ wrong: count.wrong + Number(!correct) }), { wrong: 0 });
  assert.equal(done.hardest.length, Math.min(wrong, 12));
  const [start, ...rest] = events;
  assert.deepEqual([start.type, start.videos, start.lasting], ["start", 24, true]);
  const videos = rest.filter(({ type }) => type === "video");
  assert.deepEqual(videos.map(({ done }) => done), Array.from({ length: 24 }, (_, i) => i + 1));
  assert.ok(videos.every(({ kept }) => !kept));

  // All is kept: a second run computes nothing, and comes to the same.
  const again = await page.evaluate(run);
  assert.ok(again.filter(({ type }) => type === "video").every(({ kept }) => kept));
  assert.deepEqual(timeless(JSON.parse(again.at(-1).document)), timeless(document));
  await page.evaluate(() => window.engine.forgetEmbeddings());
  const forgotten = await page.evaluate(() => window.collect(window.engine.evaluate({ task: "world", limit: 1 })));
  assert.deepEqual(forgotten.filter(({ type }) => type === "video").map(({ kept }) => kept), [false]);
  assert.deepEqual(problems, []);
  await context.close();
});

test("pairs over video files: decoded here and there, missing ones named, paused, given up and gone on with", async () => {
  const videos = join(folder, "videos");
  const expected = native("pairs", "--data", join(folder, "pairs.jsonl"), "--videos", videos, "--pre-text", "false");
  const { context, page } = await enginePage();
  const urls = [...Array.from({ length: CLIPS }, (_, at) => name(at)), "broken.webm"].map((file) => `/files/videos/${file}`);
  const got = await page.evaluate(async (urls) => {
    const options = { task: "pairs", preText: false, data: await window.files(["/files/pairs.jsonl"]), videos: await window.files(urls) };
    const types = [];
    // Given up after the second video.
    const controller = new AbortController();
    const first = window.engine.evaluate({ ...options, signal: controller.signal });
    let code = null;
    try {
      for await (const event of first) if (event.type === "video" && event.done === 2) controller.abort();
    } catch (error) {
      code = error.code;
    }
    // Begun again, paused after the third.
    const run = window.engine.evaluate(options);
    let done = null;
    let pausedFor = 0;
    for await (const event of run) {
      types.push(event.type === "video" ? `video ${event.kept}` : event.type);
      if (event.type === "video" && event.done === 3) run.pause();
      if (event.type === "paused") {
        const begun = performance.now();
        setTimeout(() => {
          pausedFor = performance.now() - begun;
          run.resume();
        }, 300);
      }
      if (event.type === "done") done = event;
    }
    return { code, types, done, pausedFor };
  }, urls);
  assert.equal(got.code, "aborted");
  const videosOnly = got.types.filter((type) => type.startsWith("video "));
  const kept = videosOnly.lastIndexOf("video true") + 1;
  // The one that it was at when it was given up may have come to its end.
  assert.ok(kept === 2 || kept === 3, `${kept} were kept`);
  assert.deepEqual(videosOnly, Array.from({ length: CLIPS }, (_, at) => `video ${at < kept}`));
  assert.equal(got.types.indexOf("resumed"), got.types.indexOf("paused") + 1);
  assert.deepEqual([got.types[0], ...got.types.slice(-3)], ["start", "missing", "missing", "done"]);
  assert.ok(got.pausedFor >= 300);
  const samples = parsed(got.done.samples);
  // Verdicts on scores that two decoders leave open may differ.
  const decided = (line) => Math.abs(line.pos_score - line.neg_score) > 2 * DECODER_TOLERANCE;
  const firm = expected.samples.map(decided);
  assert.ok(firm.filter(Boolean).length > firm.length / 2);
  const told = (lines) => lines.map((line, at) => (firm[at] ? line : { ...line, correct: null }));
  assertSamePairs(told(samples), told(expected.samples), DECODER_TOLERANCE);
  const document = JSON.parse(got.done.document);
  assert.deepEqual(timeless(document).config, timeless(expected.document).config);
  assert.deepEqual(document["n-samples"], expected.document["n-samples"]);
  assert.deepEqual(document.missing.map(({ video, samples, code }) => [video, samples, code]), [
    ["broken.webm", 1, "unsupported-video"],
    ["none.mp4", 1, "missing-file"],
  ]);
  await context.close();
});

test("retrieval and classes come with the native program's numbers and files", async () => {
  const videos = join(folder, "videos");
  const expected = native("msrvtt", "--data", join(folder, "ret.json"), "--videos", videos);
  const { context, page } = await enginePage();
  const urls = Array.from({ length: CLIPS }, (_, at) => `/files/videos/${name(at)}`);
  const got = await page.evaluate(async (urls) => {
    const videos = await window.files(urls);
    const retrieval = await window.collect(window.engine.evaluate({ task: "msrvtt", data: await window.files(["/files/ret.json"]), videos }));
    const table = `video,caption\n${Object.keys(videos).map((file, at) => `${file},${["dog", "cat"][at % 2]}\n`).join("")}`;
    const classes = await window.collect(window.engine.evaluate({ task: "k400", data: { "k.csv": new Blob([table]) }, videos }));
    const refused = async (text) => {
      try {
        await window.collect(window.engine.evaluate({ task: "pairs", data: { "p.csv": new Blob([text]) }, videos }));
        return null;
      } catch (error) {
        return [error.code, error.message];
      }
    };
    return {
      retrieval: retrieval.at(-1),
      classes: classes.at(-1),
      wrong: [await refused("video,positive\na,b\n"), await refused(""), await refused("video,positive,negative\na,b\n")],
    };
  }, urls);
  const ids = (lines) => lines.map(({ id, video, text, frame }) => ({ id, video, text, frame }));
  assert.deepEqual(ids(parsed(got.retrieval.samples)), ids(expected.samples));
  const document = JSON.parse(got.retrieval.document);
  assert.deepEqual(Object.keys(document.metrics).sort(), Object.keys(expected.document.metrics).sort());
  assert.deepEqual(document.config.data, expected.document.config.data);
  assert.deepEqual(document.table.map(({ total }) => total), expected.document.table.map(({ total }) => total));
  const acc = parsed(got.classes.samples).filter(({ correct }) => correct).length / CLIPS;
  assert.ok(Math.abs(got.classes.metrics.acc1 - acc) < 1e-12);
  const [noColumn, empty, short] = got.wrong;
  assert.deepEqual([noColumn[0], empty[0], short[0]], ["invalid-row", "corrupt-file", "invalid-row"]);
  assert.match(noColumn[1], /p\.csv.*line 2.*negative/s);
  await context.close();
});

test("MSVD's pickled captions are read as the native program reads them, and never executed", async () => {
  writeFileSync(join(folder, "raw-captions.pkl"), Buffer.from(PICKLED, "base64"));
  // Videos of a list are the set, in its order.
  writeFileSync(join(folder, "test_list.txt"), "world_12000000003\nworld_12000000000\n");
  const data = ["--data", join(folder, "raw-captions.pkl"), join(folder, "test_list.txt")];
  const expected = native("msvd", ...data, "--videos", join(folder, "videos"));
  const { context, page } = await enginePage();
  const got = await page.evaluate(async (urls) => {
    const run = async (data) => window.collect(window.engine.evaluate({ task: "msvd", data, videos: await window.files(urls) }));
    const done = (await run(await window.files(["/files/raw-captions.pkl", "/files/test_list.txt"]))).at(-1);
    const hostile = new Blob(["\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."].map((text) => Uint8Array.from(text, (c) => c.charCodeAt(0))));
    const refused = await run({ "x.pkl": hostile }).catch(({ code, message }) => [code, message]);
    return { done, refused };
  }, [name(0), name(3)].map((file) => `/files/videos/${file}`));
  const ids = (lines) => lines.map(({ id, video, text, frame }) => ({ id, video, text, frame }));
  assert.deepEqual(ids(parsed(got.done.samples)), ids(expected.samples));
  const document = JSON.parse(got.done.document);
  assert.deepEqual(document.config.data, expected.document.config.data);
  assert.equal(document["n-samples"].msvd.effective, 5);
  assert.deepEqual(document["n-samples"], expected.document["n-samples"]);
  assert.equal(got.refused[0], "unsafe-pickle");
  assert.match(got.refused[1], /os\.system/);
  await context.close();
});

test("videos are read and decoded ahead of the one that is embedded, two at most, and a pause ends that", async () => {
  const { context, page } = await openPage(browser, `${server.url}/e2e/blank.html`);
  const got = await page.evaluate(
    async ({ library, model, names }) => {
      const { createEngine } = await import(library);
      // In the page's own thread, where it can be watched.
      const engine = await createEngine({ model, device: "cpu", worker: false });
      let decoders = 0;
      const configure = VideoDecoder.prototype.configure;
      VideoDecoder.prototype.configure = function (...args) {
        decoders++;
        return configure.apply(this, args);
      };
      const asked = new Set();
      const videos = {};
      for (const name of names) {
        const file = new File([await (await fetch(`/files/videos/${name}`)).blob()], name);
        videos[name] = { getFile: async () => (asked.add(name), file) };
      }
      const data = { "ret.json": await (await fetch("/files/ret.json")).blob() };
      const run = engine.evaluate({ task: "msrvtt", data, videos });
      const counts = [];
      const pause = {};
      for await (const event of run) {
        if (event.type === "video") counts.push({ done: event.done, asked: asked.size, kept: event.kept });
        if (event.type === "video" && event.done === 4) run.pause();
        if (event.type !== "paused") continue;
        // What is called off ends at its next frame.
        await new Promise((resolve) => setTimeout(resolve, 100));
        const before = decoders;
        await new Promise((resolve) => setTimeout(resolve, 300));
        pause.decoders = decoders - before;
        run.resume();
      }
      engine.dispose();
      return { counts, pause, decoders };
    },
    { library: `${SUB_PATH}sgcr/dist/index.js`, model: `${SUB_PATH}model/`, names: Array.from({ length: CLIPS }, (_, at) => name(at)) },
  );
  assert.deepEqual(got.counts.map(({ done, kept }) => [done, kept]), Array.from({ length: CLIPS }, (_, at) => [at + 1, false]));
  for (const { done, asked } of got.counts) {
    assert.ok(asked >= Math.min(done + 1, CLIPS), `the next one was begun while video ${done} was embedded`);
    assert.ok(asked <= Math.min(done + 2, CLIPS), `${asked} were begun when ${done} were done`);
  }
  assert.deepEqual(got.pause, { decoders: 0 }, "a paused run decodes nothing");
  assert.ok(got.decoders >= CLIPS);
  await context.close();
});

test("images are clips of one frame, as SugarCrepe has them", async () => {
  const videos = join(folder, "images");
  mkdirSync(videos);
  for (const [clip, image] of [["pig.webm", "pig.png"], ["asl-eat.mkv", "eat.png"]]) {
    execFileSync("ffmpeg", ["-v", "error", "-y", "-i", join(fixtures, "videos", clip), "-frames:v", "1", join(videos, image)]);
  }
  const row = (filename, caption, negative) => ({ filename, caption, negative_caption: negative });
  const data = { 0: row("pig.png", "a pig in a pen", "a pen in a pig"), 1: row("eat.png", "a man eats", "a man sleeps") };
  writeFileSync(join(folder, "swap_obj.json"), JSON.stringify(data));
  const expected = native("sugarcrepe", "--data", join(folder, "swap_obj.json"), "--videos", videos);
  const { context, page } = await enginePage();
  const done = await page.evaluate(async () => {
    const [data, videos] = [await window.files(["/files/swap_obj.json"]), await window.files(["/files/images/pig.png", "/files/images/eat.png"])];
    return (await window.collect(window.engine.evaluate({ task: "sugarcrepe", data, videos }))).at(-1);
  });
  assertSamePairs(parsed(done.samples), expected.samples, SAME);
  assert.deepEqual(timeless(JSON.parse(done.document)), timeless(expected.document));
  await context.close();
});

const status = (page, text) => page.locator("#evaluate-status", { hasText: text }).waitFor({ timeout: 4 * MINUTE });

test("the view: the world, its table and wrong answers, exported files", async () => {
  const { context, page, problems } = await openView(browser, server, "evaluate", { acceptDownloads: true });
  assert.ok(await page.locator("#own-files").isHidden(), "the world needs no files");
  await page.locator("#limit").fill("8");
  await page.locator("#evaluate-start").click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "evaluate-run-title");
  await status(page, "Done: 8 of 8 videos");
  const expected = await page.evaluate(async (library) => {
    const { createEngine } = await import(library);
    const engine = await createEngine({ model: "model/", device: "cpu" });
    let done = null;
    for await (const event of engine.evaluate({ task: "world", limit: 8 })) if (event.type === "done") done = event;
    engine.dispose();
    return done;
  }, `${SUB_PATH}sgcr/dist/index.js`);
  const titles = await page.locator("#results-table tbody th").allTextContents();
  assert.deepEqual(titles, expected.rows.map(({ title }) => title));
  const first = await page.locator("#results-table tbody tr").first().locator("td").allTextContents();
  assert.equal(first[0], (expected.rows[0].accuracy * 100).toFixed(1));
  assert.equal(first[4], String(expected.rows[0].total));
  const saved = async (button) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator(button).click()]);
    return { file: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
  };
  const results = await saved("#save-results");
  assert.equal(results.file, "results.json");
  assert.deepEqual(timeless(JSON.parse(results.text)), timeless(JSON.parse(expected.document)));
  const samples = await saved("#save-samples");
  assert.equal(samples.file, "samples_world.jsonl");
  assertSamePairs(parsed(samples.text), parsed(expected.samples), SAME);
  assert.match((await saved("#save-table")).text, /^\| group \|/);
  if (expected.hardest.length > 0) {
    const [hard] = expected.hardest;
    await page.getByRole("button", { name: `Show ${hard.video}` }).first().click();
    await page.locator("#clip-name", { hasText: hard.video.replace("world_", "seed ") }).waitFor();
  }
  assert.deepEqual(await accessibilityFaults(page), []);
  await shot(page, "evaluate");
  assert.deepEqual(problems, []);
  await context.close();
});

test("the view: files of one's own, paused and given up, by keyboard; failures are named", async () => {
  const { context, page, problems } = await openView(browser, server, "evaluate");
  await page.locator("#task").selectOption("pairs");
  assert.ok(await page.locator("#evaluate-start").isDisabled());
  assert.match(await page.locator("#evaluate-hint").textContent(), /Choose the annotations/);
  await page.locator("#data-files").setInputFiles(join(folder, "pairs.jsonl"));
  assert.match(await page.locator("#data-told").textContent(), /pairs\.jsonl/);
  await page.locator("#video-folder").setInputFiles(join(folder, "videos"));
  assert.match(await page.locator("#videos-told").textContent(), /files in “videos”/);
  await page.locator("#evaluate-start").focus();
  await page.keyboard.press("Enter");
  await page.locator("#evaluate-label", { hasText: /Videos: \d/ }).waitFor({ timeout: 2 * MINUTE });
  await page.locator("#evaluate-pause").click();
  await status(page, "Paused");
  assert.match(await page.locator('#view-links a[href="#/evaluate"]').textContent(), /Evaluate \(\d+ %\)/);
  const label = await page.locator("#evaluate-label").textContent();
  await page.waitForTimeout(500);
  assert.equal(await page.locator("#evaluate-label").textContent(), label, "a paused run goes nowhere");
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.locator("#evaluate-abort").click();
  await status(page, "Aborted");
  assert.equal(await page.locator(".card.error").count(), 0, "to give up is no error");
  await page.locator("#evaluate-start").click();
  await status(page, `Done: ${CLIPS} of ${CLIPS + 2} videos`);
  assert.match(await page.locator("#missing-about").textContent(), /2 videos, and with them 2 samples/);
  assert.deepEqual(await page.locator("#missing-list tbody th").allTextContents(), ["broken.webm", "none.mp4"]);
  assert.deepEqual(await accessibilityFaults(page), []);
  // Data that makes no sense is told, with its place.
  const wrong = join(folder, "wrong.csv");
  writeFileSync(wrong, "video,positive\na,b\n");
  await page.locator("#data-files").setInputFiles(wrong);
  await page.locator("#evaluate-start").click();
  await page.locator(".card.error code", { hasText: "invalid-row" }).waitFor({ timeout: MINUTE });
  await status(page, "Failed");
  assert.deepEqual(problems, []);
  await context.close();
});

test("the view: a folder that is opened is listed by name, and its files are read where they lie", async () => {
  const { context, page, problems } = await openView(browser, server, "evaluate");
  await page.locator("#task").selectOption("pairs");
  assert.ok(await page.locator("#video-open").isVisible(), "this browser can open folders");
  // The browser's dialog is out of a page's reach: in its place stands a folder of the origin's own, with the same handles.
  await page.evaluate(async (names) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("clips", { create: true });
    const within = await folder.getDirectoryHandle("within", { create: true });
    for (const name of names) {
      const file = await (await within.getFileHandle(name, { create: true })).createWritable();
      await file.write(await (await fetch(`/files/videos/${name}`)).blob());
      await file.close();
    }
    window.opened = 0;
    const open = FileSystemFileHandle.prototype.getFile;
    FileSystemFileHandle.prototype.getFile = function () {
      window.opened++;
      return open.call(this);
    };
    window.showDirectoryPicker = async () => folder;
  }, Array.from({ length: CLIPS }, (_, at) => name(at)));
  await page.locator("#data-files").setInputFiles(join(folder, "pairs.jsonl"));
  await page.locator("#video-open").click();
  await page.locator("#videos-told", { hasText: `${CLIPS} files in “clips”.` }).waitFor();
  assert.equal(await page.evaluate(() => window.opened), 0, "nothing is read to list it");
  await page.locator("#evaluate-start").click();
  await status(page, `Done: ${CLIPS} of ${CLIPS + 2} videos`);
  assert.deepEqual(await page.locator("#missing-list tbody th").allTextContents(), ["broken.webm", "none.mp4"]);
  const show = page.locator("#hardest button").first();
  const hard = (await show.getAttribute("aria-label")).replace("Show ", "");
  await show.click();
  await page.locator("#clip-name", { hasText: hard }).waitFor();
  assert.equal(await page.evaluate(() => window.opened), 1);
  assert.deepEqual(await accessibilityFaults(page), []);
  // To choose no folder is no error, and what was chosen stays.
  await page.evaluate(() => (window.showDirectoryPicker = () => Promise.reject(new DOMException("no", "AbortError"))));
  await page.locator("#video-open").click();
  assert.match(await page.locator("#videos-told").textContent(), /files in “clips”/);
  assert.equal(await page.locator(".card.error").count(), 0);
  await page.addInitScript(() => delete window.showDirectoryPicker);
  await page.reload();
  await page.locator("#task").selectOption("pairs");
  assert.ok(await page.locator("#video-open").isHidden(), "a browser that cannot open folders has the plain input");
  assert.deepEqual(problems, []);
  await context.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe-core finds nothing wrong with results on a phone: ${colorScheme}`, async () => {
    const { context, page } = await openView(browser, server, "evaluate", { ...PHONE, colorScheme });
    await page.locator("#limit").fill("2");
    await page.locator("#evaluate-start").click();
    await status(page, "Done");
    await page.locator("#task").selectOption("videocon");
    await page.locator("#view-evaluate details").evaluateAll((all) => all.forEach((details) => (details.open = true)));
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, "no sideways scrolling");
    await shot(page, `evaluate-phone-${colorScheme}`);
    await context.close();
  });
}
