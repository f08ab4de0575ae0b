// What runs over the user's videos are made of: pauses, kept embeddings, files by path, going on in a new worker.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { load } from "./load.mjs";

const {
  AbortedError,
  DeviceLostError,
  EmbeddingStore,
  InvalidInputError,
  Pausing,
  RemoteVideosRun,
  SgcrError,
  fileOf,
  filesByPath,
  filesOfFolder,
  isTheVideos,
  runSettings,
  secondsLeft,
} = await load("pausing.ts", "embedding_store.ts", "chosen_files.ts", "clip_options.ts", "remote_videos_run.ts", "errors.ts");

/** Work that ends when it is called off. */
const endless = (signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new AbortedError("stopped"))));

test("a pause calls work off and waits; an abort ends both", async () => {
  const pausing = new Pausing(undefined);
  assert.equal(await pausing.attempt(async () => 3), 3);
  const called = pausing.attempt(endless);
  pausing.pause();
  assert.equal(await called, null);
  assert.ok(pausing.isPaused);
  let waited = false;
  const waiting = pausing.wait().then(() => (waited = true));
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(waited, false);
  pausing.resume();
  await waiting;
  assert.ok(waited && !pausing.isPaused);
  // Called off and on again before the work heard of it: it is done again, no error.
  const twice = pausing.attempt(endless);
  pausing.pause();
  pausing.resume();
  assert.equal(await twice, null);
  assert.equal(await pausing.attempt(async (signal) => signal.aborted), false);
  const over = pausing.attempt(endless);
  pausing.end();
  assert.equal(await over, null);

  const controller = new AbortController();
  const given = new Pausing(controller.signal);
  const aborted = given.attempt(endless);
  controller.abort();
  await assert.rejects(aborted, { code: "aborted" });
  given.pause();
  await assert.rejects(given.wait(), { code: "aborted" });
  await assert.rejects(given.attempt(async () => 1), { code: "aborted" });
  const failed = new Pausing(undefined).attempt(async () => {
    throw new InvalidInputError("no");
  });
  await assert.rejects(failed, { code: "invalid-input" });
});

test("all work between two pauses has one signal, and waiting is reported", async () => {
  const pausing = new Pausing(new AbortController().signal);
  const signalNow = () => pausing.attempt(async (signal) => signal);
  const first = await signalNow();
  assert.equal(await signalNow(), first);
  pausing.pause();
  assert.ok(first.aborted);
  const told = [];
  for await (const event of pausing.waiting({ done: 4 })) {
    told.push(event);
    if (event.type === "paused") setTimeout(() => pausing.resume(), 5);
  }
  assert.deepEqual(told, [{ done: 4, type: "paused" }, { done: 4, type: "resumed" }]);
  const second = await signalNow();
  assert.ok(second !== first && !second.aborted);
});

test("errors about one video, and those about the machine", () => {
  for (const code of ["decode", "no-frames", "missing-file", "unsupported-video", "io"]) assert.ok(isTheVideos({ code }), code);
  for (const code of ["device-lost", "out-of-memory", "crashed", "aborted", "different-run", "internal"]) {
    assert.ok(!isTheVideos({ code }), code);
  }
  assert.equal(secondsLeft([], 3), null);
  assert.equal(secondsLeft([1000, 3000], 3), 6);
});

/** The module's hash, by Node's. */
class FileHash {
  #hash = createHash("sha256");

  update(bytes) {
    this.#hash.update(bytes);
  }

  finish() {
    return this.#hash.digest("hex");
  }

  free() {}
}

test("embeddings come back under their keys, hashes until a file changes", async () => {
  const store = new EmbeddingStore({ FileHash }, () => {});
  assert.equal(await store.isLasting(), false);
  assert.equal(await store.read("videos", "k"), null);
  await store.keep("videos", "k", new Uint8Array([1, 2]));
  await store.keep("windows", "k", new Uint8Array([3]));
  assert.deepEqual([...(await store.read("videos", "k"))], [1, 2]);

  const bytes = new Uint8Array((4 << 20) + 5).fill(7);
  const expected = createHash("sha256").update(bytes).digest("hex");
  const file = new File([bytes], "a.webm", { lastModified: 5 });
  assert.equal(await store.hash("v/a.webm", file, undefined), expected);
  // Not read again: it has the stamp of before.
  const same = new File([bytes.slice(1), "x"], "a.webm", { lastModified: 5 });
  assert.equal(await store.hash("v/a.webm", same, undefined), expected);
  const changed = new File([bytes], "a.webm", { lastModified: 6 });
  assert.equal(await store.hash("v/a.webm", changed, undefined), expected);
  const other = new File(["abc"], "a.webm", { lastModified: 7 });
  assert.equal(await store.hash("v/a.webm", other, undefined), createHash("sha256").update("abc").digest("hex"));
  const gone = { size: 3, slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotFoundError")) }) };
  await assert.rejects(store.hash("v/b.webm", gone, undefined), { code: "io" });
  await assert.rejects(store.hash("v/c.webm", new File(["x"], "c.webm"), AbortSignal.abort()), { code: "aborted" });
  await store.flush();
  await store.clear();
  assert.equal(await store.read("videos", "k"), null);
  assert.equal(await store.hash("v/a.webm", same, undefined), createHash("sha256").update(bytes.slice(1)).update("x").digest("hex"));
});

test("files are named by their path below the chosen folder", () => {
  const file = (path) => Object.defineProperty(new File([], path.split("/").at(-1)), "webkitRelativePath", { value: path });
  assert.deepEqual(Object.keys(filesByPath([file("top/a/x.mp4"), file("top/b/x.mp4")])), ["a/x.mp4", "b/x.mp4"]);
  const loose = (name) => Object.defineProperty(new File([], name), "webkitRelativePath", { value: "" });
  assert.deepEqual(Object.keys(filesByPath([loose("x.mp4"), loose("y.mp4")])), ["x.mp4", "y.mp4"]);
  assert.throws(() => filesByPath([loose("x.mp4"), loose("x.mp4")]), { code: "invalid-input" });
  const blobs = { "a/b": new Blob() };
  assert.equal(filesByPath(blobs), blobs);
});

/** A folder as the browser's picker gives it, of contents by name; an error in place of a text is what opening gives. */
function folderHandle(name, contents) {
  const handle = ([name, content]) =>
    typeof content === "string" || content instanceof Error
      ? { kind: "file", name, getFile: async () => (content instanceof Error ? Promise.reject(content) : new File([content], name)) }
      : folderHandle(name, content);
  const entries = async function* () {
    for (const entry of Object.entries(contents)) yield [entry[0], handle(entry)];
  };
  return { kind: "directory", name, entries };
}

test("a folder is listed by names alone, its files are opened when they are asked for", async () => {
  const gone = new DOMException("not there any more", "NotFoundError");
  const files = await filesOfFolder(folderHandle("top", { "z.mp4": "zz", b: { "x.mp4": gone, c: { "y.mp4": "yyy" } } }));
  assert.deepEqual(Object.keys(files), ["b/c/y.mp4", "b/x.mp4", "z.mp4"]);
  const chosen = filesByPath(files);
  assert.equal(await (await fileOf(chosen, "b/c/y.mp4")).text(), "yyy");
  await assert.rejects(fileOf(chosen, "b/x.mp4"), { code: "io", message: /b\/x\.mp4: not there any more/ });
  await assert.rejects(fileOf(chosen, "other.mp4"), { code: "io" });
  assert.ok(isTheVideos({ code: "io" }), "the others go on");
  const blob = new Blob(["a"]);
  assert.equal(await fileOf({ a: blob }, "a"), blob);
  const refused = { ...folderHandle("top", {}), entries: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(gone) }) }) };
  await assert.rejects(filesOfFolder(refused), { code: "io", message: /folder top/ });
});

test("a run's settings: clips in a place of their own, nothing that cannot be posted, unknown names for the module to refuse", () => {
  const { signal } = new AbortController();
  const settings = runSettings({ task: "pairs", frames: 4, seed: 3, preText: false, limits: 1, signal });
  assert.deepEqual(JSON.parse(JSON.stringify(settings)), { task: "pairs", preText: false, limits: 1, clip: { frames: 4, seed: 3 } });
  assert.doesNotThrow(() => structuredClone(settings));
});

const start = { type: "start", videos: 2 };
const video = (done) => ({ type: "video", done });

/** The other end: each start plays the next script, and ends with its error where it has one. */
function caller(...scripts) {
  const told = { handles: [], commands: [], recovered: 0 };
  return {
    told,
    pick: (event) => event.evaluate ?? null,
    async start(handle, { signal, onEvent }) {
      told.handles.push(handle);
      const { events, error, waits } = scripts.shift();
      for (const evaluate of events) onEvent({ evaluate });
      onEvent({ progress: {} });
      if (waits) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new SgcrError("aborted", "stopped"))));
      if (error) throw error;
    },
    command: (...command) => told.commands.push(command),
    async recover(error) {
      if (error.code === "aborted") throw error;
      told.recovered++;
    },
  };
}

async function collect(run) {
  const events = [];
  try {
    for await (const event of run) events.push(event.type);
  } catch (error) {
    return { events, code: error.code };
  }
  return { events, code: null };
}

test("in a new worker a run begins anew, once, and is told so", async () => {
  const lost = () => new DeviceLostError("gone");
  const once = caller({ events: [start, video(1)], error: lost() }, { events: [start, video(1), video(2), { type: "done" }] });
  const run = new RemoteVideosRun(once, undefined);
  assert.deepEqual(await collect(run), { events: ["start", "video", "recovered", "video", "video", "done"], code: null });
  run.pause();
  run.resume();
  assert.deepEqual(once.told.commands, [[once.told.handles[0], "pause"], [once.told.handles[0], "resume"]]);
  const twice = caller({ events: [start], error: lost() }, { events: [start], error: lost() });
  assert.equal((await collect(new RemoteVideosRun(twice, undefined))).code, "device-lost");
  const early = caller({ events: [], error: lost() });
  assert.equal((await collect(new RemoteVideosRun(early, undefined))).code, "device-lost");
  assert.equal(early.told.recovered, 0);
  const controller = new AbortController();
  const waiting = collect(new RemoteVideosRun(caller({ events: [start], waits: true }), controller.signal));
  setTimeout(() => controller.abort(), 5);
  assert.deepEqual(await waiting, { events: ["start"], code: "aborted" });
});
