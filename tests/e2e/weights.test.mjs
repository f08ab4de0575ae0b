// A model's files in Chromium: kept and verified, read where nothing can be kept, refused where they make no sense.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libraryPage, setLibraryStage } from "./library_parts.mjs";

let models;
let server;
setLibraryStage((stage) => ({ folder: models, server } = stage));

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
