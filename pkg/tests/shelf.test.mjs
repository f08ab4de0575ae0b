import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { newId, openShelf, readJson, writeJson } = await load("shelf.ts");

test("where the browser has no private files, they are kept in memory, and that is said", async () => {
  // Node has no file system of an origin, as a browser in a context that is not secure.
  const notices = [];
  const shelf = await openShelf("adapters", (notice) => notices.push(notice.code));
  assert.deepEqual([notices, shelf.lasting], [["storage-refused"], false]);
  await shelf.write("a", "weights", new Blob(["one"]));
  await shelf.write("a", "weights", new Blob(["other"]));
  assert.equal(await (await shelf.read("a", "weights")).text(), "other");
  assert.equal(await shelf.read("a", "nothing"), null);
  assert.equal(await shelf.read("b", "weights"), null);
  assert.deepEqual(await shelf.folders(), ["a"]);
  await shelf.remove("a");
  await shelf.remove("a");
  assert.deepEqual(await shelf.folders(), []);
});

test("JSON comes back, and a damaged file is as good as none", async () => {
  const shelf = await openShelf("runs", () => {});
  await writeJson(shelf, "a", "about.json", { step: 3 });
  assert.deepEqual(await readJson(shelf, "a", "about.json"), { step: 3 });
  await shelf.write("a", "about.json", new Blob(['{"step": ']));
  assert.equal(await readJson(shelf, "a", "about.json"), null);
  assert.equal(await readJson(shelf, "b", "about.json"), null);
});

test("ids are different and fit file names", () => {
  const ids = new Set(Array.from({ length: 100 }, newId));
  assert.equal(ids.size, 100);
  for (const id of ids) assert.match(id, /^[0-9a-f]{24}$/);
});
