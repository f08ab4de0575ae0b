import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { load } from "./load.mjs";

const { Client, DisposedError, InvalidInputError, Transfer, serve } = await load("rpc.ts", "errors.ts");

/** A client and a server of these handlers, joined by a channel that clones as a worker's does. */
function pair(t, handlers) {
  const { port1, port2 } = new MessageChannel();
  serve(port2, handlers);
  const client = new Client(port1);
  for (const port of [port1, port2]) port.start();
  t.after(() => port1.close());
  return { client, port: port1 };
}

test("a result, its events, in order", async (t) => {
  const { client } = pair(t, {
    async double(n, { emit }) {
      emit("one");
      emit("two");
      return n * 2;
    },
  });
  const events = [];
  assert.equal(await client.call("double", 21, { onEvent: (event) => events.push(event) }), 42);
  assert.deepEqual(events, ["one", "two"]);
});

test("an error arrives with its class and code", async (t) => {
  const { client } = pair(t, {
    async fail() {
      throw new InvalidInputError("no");
    },
  });
  const error = await client.call("fail", null).catch((thrown) => thrown);
  assert.ok(error instanceof InvalidInputError);
  assert.deepEqual([error.code, error.message], ["invalid-input", "no"]);
});

test("an unknown method and an uncloneable parameter are errors, not silence", async (t) => {
  const { client } = pair(t, {});
  await assert.rejects(client.call("nothing", null), { code: "internal" });
  await assert.rejects(client.call("nothing", () => {}), { code: "invalid-input" });
});

test("an abort rejects at once and reaches the handler", async (t) => {
  let heard;
  const stopped = new Promise((resolve) => (heard = resolve));
  const { client } = pair(t, {
    // Never answers: the caller must not depend on it.
    forever: (_, { signal }) => new Promise(() => signal.addEventListener("abort", heard)),
  });
  const controller = new AbortController();
  const call = client.call("forever", null, { signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { name: "AbortError", code: "aborted" });
  await stopped;
  await assert.rejects(client.call("forever", null, { signal: controller.signal }), { code: "aborted" });
});

test("an answer after the abort is nobody's", async (t) => {
  const { client } = pair(t, {
    late: () => new Promise((resolve) => setTimeout(resolve, 20, "late")),
    now: async () => "now",
  });
  const controller = new AbortController();
  const events = [];
  const call = client.call("late", null, { signal: controller.signal, onEvent: (event) => events.push(event) });
  controller.abort();
  await assert.rejects(call, { code: "aborted" });
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(await client.call("now", null), "now");
  assert.deepEqual(events, []);
});

test("two calls at once get their own answers", async (t) => {
  const { client } = pair(t, {
    wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms, ms)),
  });
  assert.deepEqual(await Promise.all([client.call("wait", 20), client.call("wait", 1)]), [20, 1]);
});

test("closing ends running and later calls with the same error", async (t) => {
  const { client } = pair(t, { forever: () => new Promise(() => {}) });
  const call = client.call("forever", null);
  const error = new DisposedError("gone");
  client.close(error);
  await assert.rejects(call, error);
  await assert.rejects(client.call("forever", null), error);
});

test("buffers of a Transfer move", async (t) => {
  let kept;
  const { client } = pair(t, {
    async give() {
      kept = new Uint8Array([1, 2, 3]);
      return new Transfer(kept, [kept.buffer]);
    },
  });
  assert.deepEqual([...(await client.call("give", null))], [1, 2, 3]);
  assert.equal(kept.byteLength, 0);
});

test("messages of others on the same channel are left alone", async (t) => {
  const { client, port } = pair(t, { echo: async (text) => text });
  port.postMessage({ kind: "call", id: 7, method: "echo" });
  port.postMessage("hello");
  assert.equal(await client.call("echo", "ours"), "ours");
});
