// Work that goes on beside other work: items made ahead of their turn, pieces done behind whoever hands them in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { Ahead, Behind, SgcrError } = await load("ahead.ts", "behind.ts", "errors.ts");

const soon = (milliseconds = 1) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Items are their numbers; `log` hears what is begun, made and dropped. */
function numbers(count, most) {
  const log = { begun: [], made: [], dropped: [], atOnce: 0, peak: 0 };
  const work = {
    count,
    most,
    async prepare(at, signal) {
      log.begun.push(at);
      log.peak = Math.max(log.peak, ++log.atOnce);
      try {
        await soon();
        if (signal.aborted) throw new SgcrError("aborted", "called off");
        if (at === 13) throw new SgcrError("decode", "thirteen");
        log.made.push(at);
        return at;
      } finally {
        log.atOnce--;
      }
    },
    drop: (unused) => log.dropped.push(unused),
  };
  return { log, ahead: new Ahead(work) };
}

test("the next items are made while one is used, in order, no more than may wait", async () => {
  const { signal } = new AbortController();
  for (const most of [0, 1, 2]) {
    const { log, ahead } = numbers(6, most);
    for (let at = 0; at < 6; at++) {
      assert.equal(await ahead.take(at, signal), at);
      // While the item is used.
      await soon(20);
      assert.equal(log.made.length, Math.min(at + 1 + most, 6), `${most} ahead, item ${at}`);
    }
    assert.deepEqual(log.begun, [0, 1, 2, 3, 4, 5]);
    assert.equal(log.peak, 1, "one after another");
    ahead.drop();
    await soon();
    assert.deepEqual(log.dropped, []);
  }
});

test("what a pause calls off begins again, what nobody took is let go of", async () => {
  const { log, ahead } = numbers(5, 2);
  const first = new AbortController();
  assert.equal(await ahead.take(0, first.signal), 0);
  await soon(20);
  assert.deepEqual(log.made, [0, 1, 2]);
  const waiting = ahead.take(3, first.signal);
  first.abort();
  await assert.rejects(waiting, { code: "aborted" });
  assert.equal(await ahead.take(1, new AbortController().signal), 1);
  await soon(20);
  assert.deepEqual(log.dropped, [1, 2], "made under the old signal");
  assert.deepEqual(log.made, [0, 1, 2, 1, 2, 3]);
  ahead.drop();
  await soon();
  assert.deepEqual(log.dropped, [1, 2, 2, 3]);
});

test("an item's error is told to who takes it, and to nobody else", async () => {
  const { ahead } = numbers(15, 2);
  const { signal } = new AbortController();
  const unhandled = [];
  const hear = (reason) => unhandled.push(reason);
  process.on("unhandledRejection", hear);
  assert.equal(await ahead.take(12, signal), 12);
  await soon(20);
  await assert.rejects(ahead.take(13, signal), { code: "decode" });
  assert.equal(await ahead.take(14, signal), 14);
  const other = numbers(15, 2).ahead;
  assert.equal(await other.take(11, signal), 11);
  await soon(20);
  other.drop();
  await soon(20);
  process.off("unhandledRejection", hear);
  assert.deepEqual(unhandled, []);
});

test("pieces are done one after another while more come, and handing in waits where too many do", async () => {
  const behind = new Behind(2);
  const done = [];
  let handed = 0;
  let [atOnce, peak] = [0, 0];
  for (let at = 0; at < 6; at++) {
    await behind.add(async () => {
      peak = Math.max(peak, ++atOnce);
      await soon(2);
      atOnce--;
      done.push(at);
    });
    handed++;
    assert.ok(handed - done.length <= 2, `${handed} handed in, ${done.length} done`);
  }
  assert.ok(done.length < 6, "the last ones go on while more could come");
  await behind.end();
  assert.deepEqual([done, peak], [[0, 1, 2, 3, 4, 5], 1]);
});

test("after a piece that failed no other begins, and the next call tells", async () => {
  const behind = new Behind(2);
  const begun = [];
  await behind.add(async () => {
    begun.push(0);
    await soon();
    throw new SgcrError("device-lost", "gone");
  });
  await behind.add(async () => void begun.push(1));
  await soon(5);
  await assert.rejects(behind.end(), { code: "device-lost" });
  await behind.over();
  assert.deepEqual(begun, [0]);
});
