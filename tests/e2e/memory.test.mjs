// Two hundred encodes and disposals in one page leave memory flat, on the GPU and in the module.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { SUB_PATH, convertTiny, launch, openPage, path, serve, temporaryFolder } from "./harness.mjs";

const ENCODES = 200;
/** Sizes are compared from here on: pools and caches are filled by then. */
const WARM = 40;

/** Counts GPU buffers that are alive: made, and neither destroyed nor collected. */
function countBuffers() {
  const alive = new Map();
  const gone = new FinalizationRegistry((id) => alive.delete(id));
  let last = 0;
  const ids = new WeakMap();
  const create = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = create.call(this, descriptor);
    const id = ++last;
    alive.set(id, descriptor.size);
    ids.set(buffer, id);
    gone.register(buffer, id);
    return buffer;
  };
  const destroy = GPUBuffer.prototype.destroy;
  GPUBuffer.prototype.destroy = function () {
    alive.delete(ids.get(this));
    return destroy.call(this);
  };
  globalThis.gpuBuffers = () => ({ count: alive.size, bytes: [...alive.values()].reduce((a, b) => a + b, 0) });
}

for (const device of ["webgpu", "cpu"]) {
  test(`${ENCODES} encodes and disposals leave memory flat (${device})`, async (t) => {
    const models = temporaryFolder(t);
    convertTiny(join(models, "tiny"));
    const server = await serve({ [SUB_PATH]: path("www", "dist"), "/models/": models, "/e2e/": path("tests", "e2e") });
    const browser = await launch({ args: ["--js-flags=--expose-gc"] });
    t.after(async () => {
      await browser.close();
      await server.close();
    });
    const { page, problems } = await openPage(browser, `${server.url}/e2e/blank.html`);
    await page.evaluate(countBuffers);
    const { samples, seconds } = await page.evaluate(
      async ({ url, device, encodes }) => {
        const sgcr = await import(url);
        const base = "/models/tiny/";
        const index = await (await fetch(`${base}model.safetensors.index.json`)).json().catch(() => null);
        const shards = index ? [...new Set(Object.values(index.weight_map)), "model.safetensors.index.json"] : ["model.safetensors"];
        const model = {};
        for (const file of ["config.json", "preprocessor_config.json", "tokenizer.json", ...shards]) {
          model[file] = await (await fetch(base + file)).blob();
        }
        const frame = () => {
          const image = new ImageData(53, 37);
          crypto.getRandomValues(image.data);
          return image;
        };
        const samples = [];
        const begin = performance.now();
        let engine = null;
        for (let i = 0; i < encodes; i++) {
          // Every tenth clip with an engine of its own: opened, used, disposed.
          if (i % 10 === 0) {
            engine?.dispose();
            engine = await sgcr.createEngine({ model, device, worker: false });
          }
          const clip = await engine.encodeVideo([frame(), frame(), frame(), frame()]);
          await engine.score(clip, [`caption ${i}`, "another"]);
          if (i % 10 === 9) {
            const { wasmBytes, deviceBytes } = await engine.memory();
            globalThis.gc();
            await new Promise((resolve) => setTimeout(resolve, 20));
            samples.push({ encode: i + 1, wasmBytes, deviceBytes, ...globalThis.gpuBuffers() });
          }
        }
        engine.dispose();
        return { samples, seconds: (performance.now() - begin) / 1000 };
      },
      { url: `${SUB_PATH}sgcr/dist/index.js`, device, encodes: ENCODES },
    );
    const warm = samples.filter(({ encode }) => encode >= WARM);
    const [first, last] = [warm[0], warm.at(-1)];
    const row = ({ encode, wasmBytes, deviceBytes, count, bytes }) => `${encode}: wasm ${wasmBytes}, device ${deviceBytes}, ${count} buffers of ${bytes}`;
    t.diagnostic(`${seconds.toFixed(0)} s; after encode ${samples.map(row).join("; ")}`);
    assert.equal(last.encode, ENCODES);
    assert.equal(last.deviceBytes, first.deviceBytes, "bytes of tensors on the device");
    // The allocator may take another piece once; what leaks grows again and again.
    const sizes = new Set(warm.map(({ wasmBytes }) => wasmBytes));
    assert.ok(sizes.size <= 2, `the module's memory: ${[...sizes].join(", ")}`);
    // Small uniform buffers come and go with the collector; a clip that leaked would add 1 % each, a model 40 %.
    assert.ok(last.count <= 1.05 * first.count, `GPU buffers: ${first.count}, then ${last.count}`);
    assert.ok(last.bytes <= 1.05 * first.bytes, `GPU bytes: ${first.bytes}, then ${last.bytes}`);
    if (device === "webgpu") assert.ok(first.count > 0, "buffers are counted at all");
    assert.deepEqual(problems, []);
  });
}
