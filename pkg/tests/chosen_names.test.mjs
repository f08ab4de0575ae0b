// The demo page's reading of which chosen file is meant.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadPage } from "./load.mjs";

const { inWords, nearest } = await loadPage("chosen_names.ts");

test("a file is found by its path below the folder, by its name, by its name without extension, in this order", () => {
  const paths = ["top/a/clip.mp4", "top/clip.webm", "top/b/clip.mp4", "top/v.1.mkv"];
  const found = (wanted) => paths[nearest(paths, wanted)];
  assert.equal(found("b/clip.mp4"), "top/b/clip.mp4");
  assert.equal(found("clip.mp4"), "top/a/clip.mp4");
  assert.equal(found("elsewhere/clip.webm"), "top/clip.webm");
  assert.equal(found("v.1.mp4"), "top/v.1.mkv");
  assert.equal(found("lip.mp4"), undefined);
  assert.equal(found("v.mp4"), undefined);
  assert.equal(nearest(["a.mp4"], "a.mp4"), 0);
  assert.equal(nearest([], "a.mp4"), -1);
});

test("how many files are chosen, in words", () => {
  assert.equal(inWords([], null), "None chosen yet.");
  assert.equal(inWords(["a.csv", "b.csv"], null), "a.csv, b.csv.");
  assert.equal(inWords(["a", "b", "c", "d"], null), "4 files.");
  assert.equal(inWords(["clips/a"], "clips"), "1 file in “clips”.");
  assert.equal(inWords([], "clips"), "0 files in “clips”.");
});
