// The npm package in Chromium: parity with the reference numbers on both devices, every kind of clip, in a worker and without.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SUB_PATH, cosine, fixtures, largestDifference, launch, readTensors, sgcr, temporaryFolder } from "./harness.mjs";
import { libraryPage, setLibraryStage } from "./library_parts.mjs";

/** tests/fixtures/viclip_tiny/README.md. */
const RTOL = 1e-3;
const ATOL = 8.1e-5;
/** The same clip decoded by ffmpeg and by WebCodecs. */
const DECODER_TOLERANCE = 2e-3;

let models;
const hooks = {};
setLibraryStage((stage) => ({ folder: models } = stage), hooks);

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
