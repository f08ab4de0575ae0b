import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { load } from "./load.mjs";

const { downloadModel, folderUrl, localModel } = await load("model_files.ts");

/** A server of these files; everything else is a 404. */
async function server(t, files) {
  const listening = createServer((request, response) => {
    const body = files[request.url.slice(1)];
    if (body === undefined) response.writeHead(404).end();
    else if (typeof body === "function") body(response);
    else response.writeHead(200, { "content-type": "application/octet-stream" }).end(body);
  });
  await new Promise((resolve) => listening.listen(0, "127.0.0.1", resolve));
  t.after(() => (listening.closeAllConnections(), listening.close()));
  return `http://127.0.0.1:${listening.address().port}/`;
}

const hooks = (more = {}) => ({ progress() {}, notice() {}, ...more });

test("a single-file model: what the server lacks is left out, progress ends at the whole", async (t) => {
  const base = await server(t, { "config.json": "{}", "model.safetensors": Buffer.alloc(100_000, 7) });
  const seen = [];
  const notices = [];
  const { name, files } = await downloadModel(
    base,
    true,
    hooks({ progress: (done, total) => seen.push([done, total]), notice: ({ code }) => notices.push(code) }),
  );
  assert.equal(name, base);
  assert.deepEqual([...files.keys()], ["config.json", "model.safetensors"]);
  assert.equal(files.get("model.safetensors").size, 100_000);
  assert.deepEqual(seen.at(-1), [100_000, 100_000]);
  // Node has no Cache API: a browser that refuses storage, which has to be told, once.
  assert.deepEqual(notices, ["storage-refused"]);
});

test("shards of an index, each once", async (t) => {
  const index = { metadata: { total_size: 6 }, weight_map: { a: "two", b: "one", c: "two" } };
  const base = await server(t, { "model.safetensors.index.json": JSON.stringify(index), one: "123", two: "456" });
  const { files } = await downloadModel(base, false, hooks());
  assert.deepEqual([...files.keys()], ["model.safetensors.index.json", "one", "two"]);
});

test("an HTML page in place of a file is no file", async (t) => {
  const page = (response) => response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>");
  const base = await server(t, { "config.json": page, "model.safetensors": page });
  assert.equal((await downloadModel(base, false, hooks())).files.size, 0);
});

test("a dead server, an error status and a broken connection say so", async (t) => {
  await assert.rejects(downloadModel("http://127.0.0.1:1/", false, hooks()), (error) => {
    return error.code === "fetch" && error.message.includes("http://127.0.0.1:1/config.json");
  });
  const base = await server(t, {
    "config.json": (response) => response.writeHead(500).end(),
  });
  await assert.rejects(downloadModel(base, false, hooks()), /answers 500/);
  const cut = await server(t, {
    "model.safetensors": (response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("abc");
      setTimeout(() => response.destroy(), 20);
    },
  });
  await assert.rejects(downloadModel(cut, false, hooks()), { code: "fetch" });
});

test("an abort ends a download that hangs", async (t) => {
  const base = await server(t, {
    "model.safetensors": (response) => {
      response.writeHead(200, { "content-length": "1000" });
      response.write("abc");
    },
  });
  const controller = new AbortController();
  const download = downloadModel(base, false, hooks({ signal: controller.signal, progress: () => controller.abort() }));
  await assert.rejects(download, { name: "AbortError" });
});

test("addresses of folders", () => {
  assert.equal(folderUrl("model", "https://a.example/demo/"), "https://a.example/demo/model/");
  assert.equal(folderUrl("/m/?v=1", "https://a.example/demo/"), "https://a.example/m/?v=1");
  assert.throws(() => folderUrl("https://", "https://a.example/"), { code: "invalid-input" });
});

test("an empty pick is told", () => {
  assert.throws(() => localModel([]), { code: "invalid-input" });
  assert.deepEqual([...localModel({ "config.json": new Blob(["{}"]) }).files.keys()], ["config.json"]);
});
