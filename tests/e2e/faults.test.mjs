// What goes wrong in Chromium, or is called off: each a class and a code, and the engine goes on where it can.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SUB_PATH, fixtures } from "./harness.mjs";
import { libraryPage, setLibraryStage } from "./library_parts.mjs";

const hooks = {};
setLibraryStage(undefined, hooks);

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
