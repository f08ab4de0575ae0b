import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { DeviceLostError, InvalidInputError, OutOfMemoryError, RemoteRun, SgcrError } = await load("remote_run.ts", "errors.ts");

const start = (step) => ({ type: "start", run: "r", step, steps: 2, plan: { bytes: 10 - step } });
const step = (step) => ({ type: "step", step });
const done = { type: "done" };

/** The other end: each call of `start` plays the next script, and ends with its error where it has one. */
function caller(...scripts) {
  const told = { starts: [], recovered: [] };
  return {
    told,
    async start(params, { signal, onEvent }) {
      told.starts.push(params.start);
      const { events, error, waits } = scripts.shift();
      for (const fineTune of events) onEvent({ fineTune });
      if (waits) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new SgcrError("aborted", "stopped"))));
      if (error) throw error;
    },
    command() {},
    async recover(error) {
      told.recovered.push(error.code);
      if (error instanceof InvalidInputError) throw error;
    },
  };
}

async function collect(run) {
  const events = [];
  try {
    for await (const event of run) events.push(event);
  } catch (error) {
    return { events, error };
  }
  return { events, error: null };
}

const samples = { samples: [] };

test("after a fault a run goes on once, by a smaller plan if it was memory", async () => {
  for (const [error, smaller] of [[new DeviceLostError("gone"), "no"], [new OutOfMemoryError("full"), "must"]]) {
    const end = caller({ events: [start(0), step(1)], error }, { events: [start(1), step(2), done] });
    const { events } = await collect(new RemoteRun(end, samples, {}));
    assert.deepEqual(events.map(({ type }) => type), ["start", "step", "recovered", "step", "done"]);
    assert.deepEqual([events[2].step, events[2].code, events[2].plan.bytes], [1, error.code, 9]);
    assert.deepEqual(end.told.starts[1], { run: "r", smaller });
  }
});

test("a second fault, one before the start and one without checkpoints are told", async () => {
  const lost = () => new DeviceLostError("gone");
  const twice = caller({ events: [start(0)], error: lost() }, { events: [start(0)], error: lost() });
  assert.equal((await collect(new RemoteRun(twice, samples, {}))).error.code, "device-lost");
  assert.equal(twice.told.starts.length, 2);
  const early = caller({ events: [], error: lost() });
  assert.equal((await collect(new RemoteRun(early, samples, {}))).error.code, "device-lost");
  const bare = caller({ events: [start(0)], error: lost() });
  assert.equal((await collect(new RemoteRun(bare, samples, { checkpointEvery: 0 }))).error.code, "device-lost");
  assert.deepEqual([early.told.recovered, bare.told.recovered], [[], []]);
  const wrong = caller({ events: [start(0)], error: new InvalidInputError("no") });
  assert.equal((await collect(new RemoteRun(wrong, samples, {}))).error.code, "invalid-input");
});

test("to leave the loop calls the run off", async () => {
  const end = caller({ events: [start(0), step(1)], waits: true });
  for await (const event of new RemoteRun(end, samples, {})) if (event.type === "step") break;
  assert.equal(end.told.starts.length, 1);
  const controller = new AbortController();
  const aborted = caller({ events: [start(0)], waits: true });
  const run = collect(new RemoteRun(aborted, samples, { signal: controller.signal, checkpointEvery: 0 }));
  controller.abort();
  assert.equal((await run).error.code, "aborted");
});
