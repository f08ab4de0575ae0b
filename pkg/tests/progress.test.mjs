import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { OPEN_PLAN, ProgressMeter, SCORE_PLAN, TEXT_PLAN, VIDEO_PLAN } = await load("progress.ts");

test("the shares of each plan add up to the whole", () => {
  for (const plan of [OPEN_PLAN, SCORE_PLAN, TEXT_PLAN, VIDEO_PLAN]) {
    const sum = Object.values(plan).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - 1) < 1e-12);
  }
});

test("one figure that never falls, whatever the stages report", () => {
  const seen = [];
  const meter = new ProgressMeter({ download: 0.5, weights: 0.5 }, ({ fraction }) => seen.push(fraction));
  meter.at("download", 0, 0);
  meter.at("download", 5, 10);
  // The total turns out to be larger than was thought.
  meter.at("download", 6, 100);
  meter.at("weights", 1, 2);
  // A second try starts over.
  meter.at("download", 0, 100);
  meter.at("weights", 3, 2);
  assert.deepEqual(seen, [0, 0.25, 0.25, 0.75, 0.75, 1]);
});
