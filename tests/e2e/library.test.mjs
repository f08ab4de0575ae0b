// The npm package in Chromium: parity with the reference numbers on both devices, every kind of clip, aborts, faults.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  SUB_PATH,
  convertTiny,
  cosine,
  fixtures,
  largestDifference,
  launch,
  openPage,
  path,
  readTensors,
  serve,
  sgcr,
  temporaryFolder,
} from "./harness.mjs";

/** tests/fixtures/viclip_tiny/README.md. */
const RTOL = 1e-3;
const ATOL = 8.1e-5;
/** The same clip decoded by ffmpeg and by WebCodecs. */
const DECODER_TOLERANCE = 2e-3;

let server;
let browser;
let models;
const hooks = {};

before(async () => {
  // Not temporaryFolder: what is registered inside `before` runs when `before` ends.
  models = mkdtempSync(join(tmpdir(), "sgcr-e2e-"));
  convertTiny(join(models, "tiny"));
  const folders = { [SUB_PATH]: path("www", "dist"), "/models/": models, "/fixtures/": fixtures, "/e2e/": path("tests", "e2e") };
  server = await serve(folders, hooks);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server?.close();
  if (models) rmSync(models, { recursive: true, force: true });
});

/** A page with nothing on it, with the library under `window.sgcr`. */
async function libraryPage(use = browser, page = "/e2e/blank.html") {
  const opened = await openPage(use, server.url + page);
  await opened.page.evaluate(async (url) => {
    window.sgcr = await import(url);
  }, `${SUB_PATH}sgcr/dist/index.js`);
  return opened;
}

const close = (got, expected) =>
  got.length === expected.length && got.every((x, i) => Math.abs(x - expected[i]) <= ATOL + RTOL * Math.abs(expected[i]));

for (const device of ["webgpu", "cpu"]) {
  test(`reference embeddings on ${device}`, async () => {
    const { context, page, problems } = await libraryPage();
    const { frames_rgb_u8: input } = readTensors(join(fixtures, "viclip_tiny", "inputs.safetensors"));
    const expected = readTensors(join(fixtures, "viclip_tiny", "expected.safetensors"));
    const captions = JSON.parse(readFileSync(join(fixtures, "viclip_tiny", "captions.json"), "utf8"));
    const got = await page.evaluate(
      async ({ device, shape, bytes, captions }) => {
        const engine = await sgcr.createEngine({ model: "/models/tiny/", device });
        const [batch, count, height, width] = shape;
        const clips = Array.from({ length: batch }, (_, clip) =>
          Array.from({ length: count }, (_, frame) => {
            const image = new ImageData(width, height);
            for (let i = 0; i < width * height; i++) {
              const from = ((clip * count + frame) * width * height + i) * 3;
              image.data.set([bytes[from], bytes[from + 1], bytes[from + 2], 255], i * 4);
            }
            return image;
          }),
        );
        const embeddings = async (options) => {
          const rows = [];
          for (const clip of clips) rows.push([...(await engine.encodeVideo(clip, options)).embedding]);
          return rows.flat();
        };
        const result = {
          info: engine.info,
          evaluation: await embeddings({}),
          demo: await embeddings({ resize: "cv2-linear" }),
          texts: (await engine.encodeText(captions.filter((text) => text !== ""))).map((row) => [...row]),
        };
        engine.dispose();
        return result;
      },
      { device, shape: input.shape, bytes: [...input.data], captions },
    );
    assert.equal(got.info.device, device);
    assert.ok(got.info.selfTestDifference < 1e-3);
    assert.ok(close(got.evaluation, expected.video_embed_eval_noaa.data), "video_embed_eval_noaa");
    assert.ok(close(got.demo, expected.video_embed.data), "video_embed");
    const dim = expected.text_embed.shape[1];
    // The empty caption is refused here, as it should be.
    const rows = captions.flatMap((text, i) => (text === "" ? [] : [expected.text_embed.data.slice(i * dim, (i + 1) * dim)]));
    got.texts.forEach((row, i) => assert.ok(close(row, rows[i]), `text_embed of caption ${i}`));
    assert.deepEqual(problems, []);
    await context.close();
  });
}

test("the same clip decoded natively and in the page, from File, Blob, URL and VideoFrame[]", async (t) => {
  const { context, page } = await libraryPage();
  for (const clip of ["rabbit320.webm", "pig.webm"]) {
    const output = join(temporaryFolder(t), "native.safetensors");
    const captions = ["a toy rabbit on a table", "a dog runs"];
    sgcr("embed", "--model", join(models, "tiny"), "--video", join(fixtures, "videos", clip), "--text", ...captions, "--output", output);
    const native = readTensors(output);
    const got = await page.evaluate(
      async ({ url, captions }) => {
        const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu" });
        const blob = await (await fetch(url)).blob();
        const file = new File([blob], "clip.webm", { type: blob.type });
        const first = await engine.encodeVideo(url);
        const scores = await engine.score(first, captions);
        const rows = { url: first, blob: await engine.encodeVideo(blob), file: await engine.encodeVideo(file) };
        engine.dispose();
        const plain = (clip) => ({ ...clip, embedding: [...clip.embedding] });
        return { scores, clips: Object.values(rows).map(plain) };
      },
      { url: `/fixtures/videos/${clip}`, captions },
    );
    for (const { embedding, frameIndices, frameTimes, frameCount } of got.clips) {
      const same = cosine(embedding, native.video_embeds.data);
      assert.ok(1 - same < DECODER_TOLERANCE, `${clip}: cosine of the two decodings ${same}`);
      assert.equal(frameIndices.length, 4);
      assert.ok(frameTimes.every((time, i) => i === 0 || time > frameTimes[i - 1]));
      assert.ok(frameCount > 10);
    }
    got.scores.captions.forEach(({ cosine: inPage }, i) => {
      const difference = Math.abs(inPage - native.similarity.data[i]);
      assert.ok(difference < DECODER_TOLERANCE, `${clip}: cosine of caption ${i} differs by ${difference}`);
    });
    t.diagnostic(`${clip}: ${got.clips[0].frameCount} frames, cosine of the decodings ${cosine(got.clips[0].embedding, native.video_embeds.data)}`);
  }
  await context.close();
});

test("VideoFrames stay the caller's, and the library closes its own", async () => {
  const { context, page, problems } = await libraryPage();
  const result = await page.evaluate(async () => {
    const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu" });
    const picture = (i) => {
      const canvas = new OffscreenCanvas(64, 48);
      const draw = canvas.getContext("2d");
      draw.fillStyle = `rgb(${i * 30}, 90, ${200 - i * 20})`;
      draw.fillRect(0, 0, 64, 48);
      return canvas;
    };
    const canvases = Array.from({ length: 6 }, (_, i) => picture(i));
    const frames = canvases.map((canvas, i) => new VideoFrame(canvas, { timestamp: i * 40_000 }));
    const images = canvases.map((canvas) => canvas.getContext("2d").getImageData(0, 0, 64, 48));
    const fromFrames = await engine.encodeVideo(frames);
    const again = await engine.encodeVideo(frames);
    const fromImages = await engine.encodeVideo(images);
    const open = frames.every((frame) => frame.format !== null);
    for (const frame of frames) frame.close();
    const error = await engine.encodeVideo([]).catch((thrown) => thrown);
    engine.dispose();
    const rows = [fromFrames, again, fromImages].map(({ embedding }) => [...embedding]);
    return { rows, open, times: fromFrames.frameTimes, code: error.code, isOurs: error instanceof sgcr.NoFramesError };
  });
  assert.ok(result.open);
  assert.deepEqual(result.rows[0], result.rows[1]);
  assert.ok(largestDifference(result.rows[0], result.rows[2]) < 0.02);
  assert.equal(result.times.length, 4);
  assert.deepEqual([result.code, result.isOurs], ["no-frames", true]);
  // Chromium reports a VideoFrame that was collected without being closed.
  assert.deepEqual(problems, []);
  await context.close();
});

test("a generated clip is the native one, bit for bit", async (t) => {
  const { context, page } = await libraryPage();
  const folder = temporaryFolder(t);
  const seed = 2_000_000_123;
  sgcr("world", "write", "--seed", String(seed), "--format", "mkv", "--output", folder);
  const native = JSON.parse(readFileSync(join(folder, `world_${seed}.captions.json`), "utf8"));
  const raw = ["-v", "error", "-i", join(folder, `world_${seed}.mkv`), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
  const pixels = execFileSync("ffmpeg", raw, { maxBuffer: 1 << 28 });
  const got = await page.evaluate(async (seed) => {
    const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu" });
    const clip = await engine.worldClip(seed);
    const bad = await engine.worldClip(-1).catch(({ code }) => code);
    engine.dispose();
    const bytes = new Uint8Array(clip.frames.flatMap(({ data }) => [...data].filter((_, i) => i % 4 !== 3)));
    const hash = await crypto.subtle.digest("SHA-256", bytes);
    return { captions: clip.captions, hash: [...new Uint8Array(hash)], bytes: bytes.length, bad, misses: clip.nearMisses };
  }, seed);
  assert.equal(got.bytes, pixels.length);
  assert.deepEqual(got.hash, [...createHash("sha256").update(pixels).digest()]);
  assert.equal(got.bad, "invalid-input");
  assert.deepEqual(got.captions, native.captions);
  const pairs = got.misses.map(({ fits, misses }) => [fits, misses]);
  assert.deepEqual(pairs, native.near_misses.map(({ positive, negative }) => [positive, negative]));
  await context.close();
});

test("one progress figure that grows to 1, for opening and for scoring", async () => {
  const { context, page } = await libraryPage();
  const runs = await page.evaluate(async () => {
    const opening = [];
    const scoring = [];
    const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu", onProgress: (p) => opening.push(p) });
    const options = { onProgress: (p) => scoring.push(p) };
    await engine.score("/fixtures/videos/rabbit320.webm", ["a", "b"], options);
    engine.dispose();
    return { opening, scoring };
  });
  for (const [name, reports] of Object.entries(runs)) {
    const fractions = reports.map(({ fraction }) => fraction);
    assert.ok(fractions.every((fraction, i) => i === 0 || fraction >= fractions[i - 1]), `${name} never falls`);
    assert.ok(Math.abs(fractions.at(-1) - 1) < 1e-9, `${name} ends at 1, not ${fractions.at(-1)}`);
  }
  assert.ok(runs.opening.some(({ stage, total }) => stage === "download" && total > 1e6));
  await context.close();
});

test("weights are kept, verified, renewed and deleted", async () => {
  const { context, page } = await libraryPage();
  const open = () =>
    page.evaluate(async () => {
      const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu" });
      engine.dispose();
      return (await sgcr.listCached()).filter(({ url }) => url.includes("safetensors"));
    });
  const downloads = () => server.requests.filter((line) => /^GET .*tiny.*\.safetensors$/.test(line)).length;
  await page.evaluate(() => sgcr.deleteCached());
  const before = downloads();
  const kept = await open();
  const first = downloads() - before;
  assert.ok(first > 0 && kept.length >= first && kept.every(({ size }) => size > 0));
  await open();
  assert.equal(downloads() - before, first, "the second opening downloads no weights");
  // A kept file that went bad (its hash differs from the index) is downloaded again.
  await page.evaluate(async () => {
    const cache = await caches.open("sgcr-models");
    const request = (await cache.keys()).find(({ url }) => url.endsWith(".safetensors"));
    const response = await cache.match(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    bytes[bytes.length - 1] ^= 1;
    await cache.put(request, new Response(bytes, { headers: response.headers }));
  });
  await open();
  assert.equal(downloads() - before, 2 * first);
  assert.ok((await page.evaluate(() => sgcr.deleteCached())) > 0);
  assert.deepEqual(await page.evaluate(() => sgcr.listCached()), []);
  await context.close();
});

test("where storage is refused, the engine works and says so", async () => {
  const { context, page } = await libraryPage();
  const session = await context.newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: server.url, quotaSize: 1000 });
  const notices = await page.evaluate(async () => {
    const heard = [];
    const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu", onNotice: (notice) => heard.push(notice) });
    const { embedding } = await engine.encodeVideo([new ImageData(8, 8)]);
    engine.dispose();
    return { heard, told: engine.info.notices, dim: embedding.length };
  });
  assert.deepEqual(notices.heard.map(({ code }) => code), ["storage-refused"]);
  assert.deepEqual(notices.told, notices.heard);
  assert.equal(notices.dim, 32);
  await context.close();
});

test("cache: false reads from the server by ranges", async () => {
  const { context, page } = await libraryPage();
  const dim = await page.evaluate(async () => {
    await sgcr.deleteCached();
    const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu", cache: false });
    const [row] = await engine.encodeText(["a dog"]);
    engine.dispose();
    return [row.length, (await sgcr.listCached()).length];
  });
  assert.deepEqual(dim, [32, 0]);
  await context.close();
});

test("aborts end every call with AbortError, and the engine goes on", async () => {
  const { context, page } = await libraryPage();
  const names = await page.evaluate(async () => {
    const name = (promise) => promise.then(() => "done", (error) => `${error.name} ${error.code}`);
    const url = "/fixtures/videos/rabbit320.webm";
    const aborted = AbortSignal.abort();
    const results = {};
    results.open = await name(sgcr.createEngine({ model: "/models/tiny/", signal: aborted }));
    const opening = new AbortController();
    results.opening = await name(
      sgcr.createEngine({ model: "/models/tiny/", signal: opening.signal, onProgress: () => opening.abort() }),
    );
    const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu" });
    results.before = await name(engine.encodeVideo(url, { signal: aborted }));
    const decoding = new AbortController();
    const options = { signal: decoding.signal, onProgress: ({ stage }) => stage === "decode" && decoding.abort() };
    results.decoding = await name(engine.encodeVideo(url, options));
    const texts = new AbortController();
    const many = Array.from({ length: 200 }, (_, i) => `caption ${i}`);
    results.texts = await name(engine.encodeText(many, { signal: texts.signal, onProgress: () => texts.abort() }));
    results.after = await name(engine.score(url, ["a", "b"]));
    const running = engine.encodeVideo(url);
    engine.dispose();
    results.disposed = await name(running);
    results.later = await name(engine.encodeText(["a"]));
    engine.dispose();
    return results;
  });
  const stopped = "AbortError aborted";
  assert.deepEqual(names, {
    open: stopped,
    opening: stopped,
    before: stopped,
    decoding: stopped,
    texts: stopped,
    after: "done",
    disposed: "DisposedError disposed",
    later: "DisposedError disposed",
  });
  await context.close();
});

test("faults: each a class and a code, with cause and advice", async () => {
  hooks["/fixtures/broken.json/config.json"] = (_, response) => response.end("{ not json");
  hooks["/fixtures/cut.webm"] = (_, response) => {
    response.end(readFileSync(join(fixtures, "videos", "rabbit320.webm")).subarray(0, 300));
  };
  const { context, page } = await libraryPage();
  const faults = await page.evaluate(async () => {
    const fault = (promise) =>
      promise.then(
        () => "no error",
        (error) => ({ code: error.code, message: error.message, isOurs: error instanceof sgcr.SgcrError, name: error.name }),
      );
    const engine = await sgcr.createEngine({ model: "/models/tiny/", device: "cpu" });
    const results = {
      deadModel: await fault(sgcr.createEngine({ model: "http://127.0.0.1:1/" })),
      emptyModel: await fault(sgcr.createEngine({ model: "/fixtures/nothing/" })),
      brokenModel: await fault(sgcr.createEngine({ model: "/fixtures/broken.json/" })),
      noTokenizer: await fault(sgcr.createEngine({ model: "/fixtures/viclip_tiny/" }).then((bare) => bare.encodeText(["a"]))),
      noFiles: await fault(sgcr.createEngine({ model: [] })),
      noWorker: await fault(sgcr.createEngine({ model: "/models/tiny/", workerUrl: "/nothing.js" })),
      noWasm: await fault(sgcr.createEngine({ model: "/models/tiny/", wasmUrl: "/nothing.wasm" })),
      emptyCaption: await fault(engine.encodeText(["a", " "])),
      noCaptions: await fault(engine.score([new ImageData(8, 8)], [])),
      notCaptions: await fault(engine.encodeText("a")),
      deadClip: await fault(engine.encodeVideo("http://127.0.0.1:1/clip.webm")),
      missingClip: await fault(engine.encodeVideo("/fixtures/videos/nothing.webm")),
      text: await fault(engine.encodeVideo("/fixtures/videos/NOTICE.md")),
      cutClip: await fault(engine.encodeVideo("/fixtures/cut.webm")),
      empty: await fault(engine.encodeVideo(new Blob([]))),
      notAClip: await fault(engine.encodeVideo(7)),
      frames: await fault(engine.encodeVideo([new ImageData(8, 8)], { frames: 3 })),
      sampling: await fault(engine.encodeVideo([new ImageData(8, 8)], { sampling: "first" })),
    };
    engine.dispose();
    return results;
  });
  const codes = Object.fromEntries(Object.entries(faults).map(([name, { code }]) => [name, code]));
  assert.deepEqual(codes, {
    deadModel: "fetch",
    emptyModel: "missing-file",
    brokenModel: "invalid-json",
    noTokenizer: "missing-file",
    noFiles: "invalid-input",
    noWorker: "worker",
    noWasm: "fetch",
    emptyCaption: "empty-caption",
    noCaptions: "invalid-input",
    notCaptions: "invalid-input",
    deadClip: "fetch",
    missingClip: "fetch",
    text: "unsupported-video",
    cutClip: "no-frames",
    empty: "unsupported-video",
    notAClip: "invalid-input",
    frames: "invalid-input",
    sampling: "unknown-name",
  });
  for (const [name, { isOurs, message }] of Object.entries(faults)) {
    assert.ok(isOurs, name);
    assert.ok(message.length > 20, `${name}: ${message}`);
  }
  assert.match(faults.emptyCaption.message, /caption 1/);
  await context.close();
});

test("the engine runs in the page itself, and in a worker of the caller's, by the same interface", async () => {
  hooks["/e2e/own_worker.js"] = (_, response) => {
    response.writeHead(200, { "content-type": "text/javascript" }).end(`import "${SUB_PATH}sgcr/dist/worker.js";`);
  };
  const { context, page, problems } = await libraryPage();
  const rows = await page.evaluate(async () => {
    const worker = new Worker("/e2e/own_worker.js", { type: "module" });
    const rows = [];
    for (const where of [true, false, worker, worker]) {
      const engine = await sgcr.createEngine({ model: "/models/tiny/", worker: where, device: "cpu" });
      const [row] = await engine.encodeText(["a dog runs on the grass"]);
      rows.push([...row]);
      engine.dispose();
    }
    return rows;
  });
  for (const row of rows) assert.deepEqual(row, rows[0]);
  assert.deepEqual(problems, []);
  await context.close();
});

test("two calls at once wait for each other", async () => {
  const { context, page } = await libraryPage();
  const same = await page.evaluate(async () => {
    const engine = await sgcr.createEngine({ model: "/models/tiny/", worker: false, device: "webgpu" });
    const captions = ["a dog", "a cat"];
    const one = await engine.encodeText(captions);
    const both = await Promise.all([engine.encodeText(captions), engine.encodeVideo([new ImageData(8, 8)]), engine.encodeText(captions)]);
    engine.dispose();
    return [both[0], both[2]].every((rows) => rows.every((row, i) => row.every((x, j) => x === one[i][j])));
  });
  assert.ok(same);
  await context.close();
});

test("a driver that computes wrong numbers is told, not believed", async () => {
  hooks["/e2e/broken_driver.js"] = (_, response) => {
    // What a bad driver does: dispatches that end without having written.
    const source = `
      import "${SUB_PATH}sgcr/dist/worker.js";
      GPUComputePassEncoder.prototype.dispatchWorkgroups = () => {};
      GPUComputePassEncoder.prototype.dispatchWorkgroupsIndirect = () => {};
      // A real GPU by its name: "auto" passes over imitated ones.
      Object.defineProperty(GPUAdapter.prototype, "info", { get: () => ({ vendor: "acme", architecture: "", device: "", description: "", isFallbackAdapter: false, subgroupMinSize: 4, subgroupMaxSize: 128 }) });
    `;
    response.writeHead(200, { "content-type": "text/javascript" }).end(source);
  };
  const { context, page } = await libraryPage();
  const result = await page.evaluate(async () => {
    const options = { model: "/models/tiny/", workerUrl: "/e2e/broken_driver.js" };
    const error = await sgcr.createEngine({ ...options, device: "webgpu" }).catch((thrown) => thrown);
    const heard = [];
    const engine = await sgcr.createEngine({ ...options, onNotice: (notice) => heard.push(notice) });
    const device = engine.info.device;
    engine.dispose();
    return { code: error.code, isOurs: error instanceof sgcr.SelfTestError, message: error.message, device, heard };
  });
  assert.deepEqual([result.code, result.isOurs], ["self-test", true]);
  assert.match(result.message, /driver/);
  assert.equal(result.device, "cpu");
  assert.equal(result.heard[0].code, "device-fallback");
  await context.close();
});

test("a lost device is told", async () => {
  hooks["/e2e/lost_device.js"] = (_, response) => {
    const source = `
      import "${SUB_PATH}sgcr/dist/worker.js";
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (...args) {
        const device = await request.apply(this, args);
        self.addEventListener("message", ({ data }) => data === "lose the device" && device.destroy());
        return device;
      };
    `;
    response.writeHead(200, { "content-type": "text/javascript" }).end(source);
  };
  const { context, page } = await libraryPage();
  const code = await page.evaluate(async () => {
    const worker = new Worker("/e2e/lost_device.js", { type: "module" });
    const engine = await sgcr.createEngine({ model: "/models/tiny/", worker, device: "webgpu" });
    await engine.encodeText(["a"]);
    worker.postMessage("lose the device");
    return engine.encodeText(["a"]).then(() => "no error", (error) => error.code);
  });
  assert.equal(code, "device-lost");
  await context.close();
});

test("probe() says what works and why not", async () => {
  const { context, page } = await libraryPage();
  const found = await page.evaluate(() => sgcr.probe());
  assert.ok(found.webgpu.available && found.webgpu.software && found.wasmSimd && found.storage.available);
  assert.equal(found.device, "cpu", "an imitated GPU is not what \"auto\" takes");
  assert.ok(found.video.codecs.includes("vp8") && found.video.codecs.includes("vp9"));
  const plain = await launch({ webgpu: false });
  const second = await libraryPage(plain);
  const without = await second.page.evaluate(() => sgcr.probe());
  assert.deepEqual([without.webgpu.available, without.device], [false, "cpu"]);
  assert.ok(without.webgpu.reason.length > 20 && without.advice.length > 0);
  await plain.close();
  await context.close();
});

test("an adversarial model: weights of another shape, NaN, a truncated file", async () => {
  const { context, page } = await libraryPage();
  const files = ["config.json", "preprocessor_config.json", "tokenizer.json"];
  const text = Object.fromEntries(files.map((file) => [file, readFileSync(join(models, "tiny", file), "utf8")]));
  const config = JSON.parse(text["config.json"]);
  config.embed_dim = 24;
  const codes = await page.evaluate(
    async ({ text, other }) => {
      const weights = await (await fetch("/fixtures/viclip_tiny/checkpoint.safetensors")).arrayBuffer();
      const open = (files) =>
        sgcr.createEngine({ model: files, device: "cpu" }).then((engine) => (engine.dispose(), "no error"), ({ code }) => code);
      const blobs = Object.fromEntries(Object.entries(text).map(([name, content]) => [name, new Blob([content])]));
      const nan = weights.slice(0);
      new Uint8Array(nan).fill(0xff, nan.byteLength - 64);
      return {
        good: await open({ ...blobs, "model.safetensors": new Blob([weights]) }),
        shape: await open({ ...blobs, "config.json": new Blob([other]), "model.safetensors": new Blob([weights]) }),
        nan: await open({ ...blobs, "model.safetensors": new Blob([nan]) }),
        cut: await open({ ...blobs, "model.safetensors": new Blob([weights.slice(0, 5000)]) }),
        text: await open({ ...blobs, "model.safetensors": new Blob(["hello"]) }),
        none: await open(blobs),
      };
    },
    { text, other: JSON.stringify(config) },
  );
  assert.deepEqual(codes, {
    good: "no error",
    shape: "shape-mismatch",
    nan: "non-finite",
    cut: "corrupt-file",
    text: "corrupt-file",
    none: "missing-file",
  });
  await context.close();
});
