// Measures fine-tuning of the shipped model in one Chromium: time of a LoRA step beside forward passes of the same clips,
// jank of the page's own thread, memory. How our forward pass compares with onnxruntime-web's is `tests/bench/run page`.
//
//   node tests/bench/fine_tune.mjs [--devices cpu,webgpu] [--batch 4] [--steps 6]
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { launch, openPage, path, serve } from "../e2e/harness.mjs";

const GOAL = 4;
const { values } = parseArgs({
  options: {
    devices: { type: "string", default: "cpu,webgpu" },
    batch: { type: "string", default: "4" },
    steps: { type: "string", default: "6" },
  },
});

/** Runs in the page. */
async function measure({ url, device, batch, steps }) {
  const { createEngine } = await import(url);
  const engine = await createEngine({ model: "/models/world/", device });
  const samples = [];
  for (let seed = 1; samples.length < batch; seed++) {
    const { frames, nearMisses } = await engine.worldClip(seed);
    if (nearMisses.length > 0) samples.push({ clip: frames, caption: nearMisses[0].fits, nearMisses: [nearMisses[0].misses] });
  }
  const forward = async () => {
    const begin = performance.now();
    for (const { clip } of samples) await engine.encodeVideo(clip);
    await engine.encodeText(samples.flatMap(({ caption, nearMisses }) => [caption, ...nearMisses]));
    return performance.now() - begin;
  };
  await forward();
  const passes = [await forward(), await forward(), await forward()];
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
  const options = { steps, batch, validationShare: 0, checkpointEvery: 0 };
  for await (const event of engine.fineTune(samples, options)) {
    if (event.type === "start") plan = event.plan;
    if (event.type === "step") times.push(event.milliseconds);
  }
  clearInterval(timer);
  observer.disconnect();
  const memory = await engine.memory();
  const description = engine.info.deviceDescription;
  engine.dispose();
  return { passes, times, longest, memory, plan, description };
}

const median = (numbers) => numbers.slice().sort((a, b) => a - b)[numbers.length >> 1];
const mebi = (bytes) => (bytes === null ? "-" : `${Math.round(bytes / 2 ** 20)} MiB`);

async function main() {
  if (!existsSync(path("www", "dist", "sgcr", "dist", "index.js"))) throw new Error("the page is not built: run `make page` first");
  const server = await serve({ "/sgcr/": path("www", "dist", "sgcr"), "/models/world/": path("www", "model"), "/e2e/": path("tests", "e2e") });
  const browser = await launch();
  try {
    const [batch, steps] = [Number(values.batch), Number(values.steps)];
    console.log(`\nFine-tuning the shipped model, ${batch} clips a step with one near miss each, rank 8 on all maps`);
    console.log("device   step ms  clip ms  forward ms  ratio  longest task  wasm      tensors   plan");
    for (const device of values.devices.split(",")) {
      const { context, page } = await openPage(browser, `${server.url}/e2e/blank.html`);
      const got = await page.evaluate(measure, { url: "/sgcr/dist/index.js", device, batch, steps });
      // The first step compiles kernels.
      const [step, pass] = [median(got.times.slice(1)), median(got.passes)];
      const cells = [
        device.padEnd(8), step.toFixed(0).padStart(7), (step / batch).toFixed(0).padStart(8), pass.toFixed(0).padStart(11),
        (step / pass).toFixed(2).padStart(6), `${got.longest.toFixed(0)} ms`.padStart(13), mebi(got.memory.wasmBytes).padStart(9),
        mebi(got.memory.deviceBytes).padStart(9), `  ${got.plan.reason}`,
      ];
      console.log(cells.join(" "));
      await context.close();
    }
    console.log(`ratio: a step to a forward pass of its clips and captions (goal: at most ${GOAL}); longest task: of the page's own thread (goal: 100 ms)`);
  } finally {
    await browser.close();
    await server.close();
  }
}

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
