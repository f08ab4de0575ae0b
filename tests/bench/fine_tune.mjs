// Measures fine-tuning in one Chromium, on a model of the shipped one's shape (without SG tokens, which no peer has) with random
// weights: time of a LoRA step beside forward passes of the same clips, ours and onnxruntime-web's, jank of the page's own
// thread, memory. `tests/bench/run tune` calls it.
//
//   node tests/bench/fine_tune.mjs [--devices cpu,webgpu] [--batch 4] [--steps 6] [--repeats 5]
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cosine, launch, openPage, path, serve } from "../e2e/harness.mjs";
import { installMemoryHooks } from "./page/memory_hooks.mjs";
import { peakResidentBytes, renderers } from "./page/processes.mjs";

const GOAL = 4;
/** Least cosine of our embedding with the peer's: what is compared must be the same computation. */
const SAME = 0.9999;
const ORT = path("pkg", "node_modules", "onnxruntime-web", "dist");

function options() {
  const text = (value) => ({ type: "string", default: value });
  const { values } = parseArgs({
    options: { devices: text("cpu,webgpu"), batch: text("4"), steps: text("6"), repeats: text("5") },
  });
  const [batch, steps, repeats] = [values.batch, values.steps, values.repeats].map(Number);
  return { devices: values.devices.split(","), batch, steps, repeats };
}

/** The shipped model's shape with random weights, for both. */
function makeModels(folder) {
  const { vision, text, embed_dim: joint } = JSON.parse(readFileSync(path("www", "model", "config.json"), "utf8"));
  const { frames, width, heads, layers, patch_size: patch, image_size: size } = vision;
  const numbers = Object.entries({ frames, width, heads, layers, patch, size, joint }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const words = ["--text", JSON.stringify(text), "--tokenizer", path("www", "model", "tokenizer.json")];
  const script = path("tests", "bench", "page", "make_models.py");
  execFileSync(process.env.SGCR_BENCH_PYTHON ?? "python3", ["-B", script, "--output", folder, ...numbers, ...words], { stdio: "inherit" });
  return { frames, size };
}

/** Runs in the page. */
async function measureOurs({ device, batch, steps, repeats, shape }) {
  const { createEngine } = await import("/sgcr/dist/index.js");
  const { drawClip } = await import("/bench/contestants.mjs");
  const engine = await createEngine({ model: `/models/${device}/model/`, device });
  const { embedding } = await engine.encodeVideo(drawClip({ ...shape, seed: 1 }));
  const samples = [];
  for (let seed = 1; samples.length < batch; seed++) {
    const { frames, nearMisses } = await engine.worldClip(seed);
    if (nearMisses.length > 0) samples.push({ clip: frames, caption: nearMisses[0].fits, nearMisses: [nearMisses[0].misses] });
  }
  // At the model's size, as a step has them: no resizing is measured.
  const clips = samples.map((_, at) => drawClip({ ...shape, seed: 2 + at }));
  const texts = samples.flatMap(({ caption, nearMisses }) => [caption, ...nearMisses]);
  const videos = [];
  const passes = [];
  // The first pass compiles kernels.
  for (let round = 0; round <= repeats; round++) {
    const begin = performance.now();
    for (const clip of clips) await engine.encodeVideo(clip);
    const between = performance.now();
    await engine.encodeText(texts);
    if (round === 0) continue;
    videos.push(between - begin);
    passes.push(performance.now() - begin);
  }
  let longest = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
  });
  observer.observe({ type: "longtask" });
  // What a click would wait for: the widest gap between two turns of this thread's timer.
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 10);
  const times = [];
  let plan = null;
  for await (const event of engine.fineTune(samples, { steps, batch, validationShare: 0, checkpointEvery: 0 })) {
    if (event.type === "start") plan = event.plan;
    if (event.type === "step") times.push(event.milliseconds);
  }
  clearInterval(timer);
  observer.disconnect();
  const memory = await engine.memory();
  const { deviceDescription } = engine.info;
  engine.dispose();
  return { embedding: [...embedding], videos, passes, times, longest, memory, plan, description: deviceDescription };
}

/** Runs in the page: milliseconds of each pass over a batch, one clip after the other as in ours. */
async function measureOrt({ device, batch, repeats, shape }) {
  const { open, run } = await import("/bench/contestants.mjs");
  await open({ library: "onnxruntime-web", device });
  const { embedding } = await run({ ...shape, seed: 1 });
  const videos = [];
  for (let round = 0; round <= repeats; round++) {
    let seconds = 0;
    for (let clip = 0; clip < batch; clip++) seconds += (await run({ ...shape, seed: 2 + clip })).seconds;
    if (round > 0) videos.push(1000 * seconds);
  }
  return { embedding, videos };
}

/** In a page of its own; with the most memory that its process ever had. */
async function inPage(browser, url, work, argument) {
  const before = await renderers(browser);
  const { context, page } = await openPage(browser, `${url}/blank/blank.html`);
  page.setDefaultTimeout(0);
  const processes = [...(await renderers(browser))].filter((id) => !before.has(id));
  await page.evaluate(installMemoryHooks);
  const got = await page.evaluate(work, argument);
  const process = peakResidentBytes(processes);
  await context.close();
  return { ...got, process };
}

const median = (numbers) => numbers.slice().sort((a, b) => a - b)[numbers.length >> 1];
const mebi = (bytes) => (bytes === null ? "-" : `${Math.round(bytes / 2 ** 20)}`);

function report(device, batch, ours, theirs) {
  const same = cosine(ours.embedding, theirs.embedding);
  if (!(same > SAME)) throw new Error(`on ${device}, onnxruntime-web computes something else: cosine ${same}`);
  // The first step compiles kernels.
  const step = median(ours.times.slice(1));
  const [pass, videos, ort] = [ours.passes, ours.videos, theirs.videos].map(median);
  const rows = {
    "LoRA step": `${step.toFixed(0)} ms, ${(step / batch).toFixed(0)} ms a clip`,
    "our forward pass, clips and captions": `${pass.toFixed(0)} ms: the step takes ${(step / pass).toFixed(2)} of them (goal: at most ${GOAL})`,
    "our forward pass, clips alone": `${videos.toFixed(0)} ms: the step takes ${(step / videos).toFixed(2)} of them`,
    "onnxruntime-web's, clips alone": `${ort.toFixed(0)} ms: the step takes ${(step / ort).toFixed(2)} of them`,
    "longest task of the page's own thread": `${ours.longest.toFixed(0)} ms (goal: 100)`,
    "memory afterwards": `module ${mebi(ours.memory.wasmBytes)} MiB, tensors on the device ${mebi(ours.memory.deviceBytes)} MiB`,
    "peak of the page's process": `${mebi(ours.process)} MiB (onnxruntime-web, forward: ${mebi(theirs.process)} MiB)`,
    "plan": ours.plan.reason,
    "same computation": `cosine ${same.toFixed(6)}`,
  };
  console.log(`\n${device} (${ours.description})`);
  for (const [name, value] of Object.entries(rows)) console.log(`  ${name.padEnd(38)} ${value}`);
}

async function main() {
  const { devices, batch, steps, repeats } = options();
  if (!existsSync(path("www", "dist", "sgcr", "dist", "index.js"))) throw new Error("the page is not built: run `make page` first");
  const models = mkdtempSync(join(tmpdir(), "sgcr-bench-"));
  let [server, browser] = [];
  try {
    const shape = makeModels(models);
    server = await serve({
      "/sgcr/": path("www", "dist", "sgcr"), "/ort/": ORT, "/models/cpu/": models, "/models/webgpu/": models,
      "/bench/": path("tests", "bench", "page"), "/blank/": path("tests", "e2e"),
    });
    browser = await launch();
    console.log(`\nFine-tuning in Chromium ${browser.version()}: ${batch} clips of the world a step, one near miss each, rank 8 on all maps of both encoders`);
    for (const device of devices) {
      const ours = await inPage(browser, server.url, measureOurs, { device, batch, steps, repeats, shape });
      const theirs = await inPage(browser, server.url, measureOrt, { device, batch, repeats, shape });
      report(device, batch, ours, theirs);
    }
  } finally {
    await browser?.close();
    await server?.close();
    rmSync(models, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
