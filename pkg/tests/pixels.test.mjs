import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { rotated } = await load("pixels.ts");

/** Pixels from numbers, 4 bytes each. */
const picture = (rows) => {
  const data = new Uint8Array(Uint32Array.from(rows.flat()).buffer);
  return { width: rows[0].length, height: rows.length, data };
};
const rows = ({ width, height, data }) => {
  const values = [...new Uint32Array(data.buffer)];
  return Array.from({ length: height }, (_, y) => values.slice(y * width, (y + 1) * width));
};

test("turns are clockwise", () => {
  const two = picture([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  assert.deepEqual(rows(rotated(two, 90)), [
    [4, 1],
    [5, 2],
    [6, 3],
  ]);
  assert.deepEqual(rows(rotated(two, 180)), [
    [6, 5, 4],
    [3, 2, 1],
  ]);
  assert.deepEqual(rows(rotated(two, 270)), [
    [3, 6],
    [2, 5],
    [1, 4],
  ]);
  assert.equal(rotated(two, 0), two);
  assert.deepEqual(rows(rotated(two, -90)), rows(rotated(two, 270)));
});
