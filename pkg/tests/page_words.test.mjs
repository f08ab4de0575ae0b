// The demo page's reading of labels and captions, and of what somebody drew.
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadPage } from "./load.mjs";

const { addObject, copyFrame, emptyDrawing, parseLabels, removeObject, saidBy, toGraph } = await loadPage(
  "explain/words.ts",
  "tune/drawing.ts",
);

const triplet = (subject, predicate, object) => ({
  subject: { label: subject },
  predicate: { label: predicate },
  object: { label: object },
});

test("labels are what stands between commas, each once", () => {
  assert.deepEqual(parseLabels(" fox, jump_over ,fox,, next to\nball"), ["fox", "jump over", "next to", "ball"]);
  assert.deepEqual(parseLabels(" ,\n"), []);
});

test("a caption says a triplet in the order subject, predicate, object, in any form of the words", () => {
  const caption = "the small fox quickly chases two birds, then carries a box";
  assert.deepEqual(saidBy(caption, triplet("fox", "chase", "bird")), { subject: [2], predicate: [4], object: [6] });
  assert.deepEqual(saidBy(caption, triplet("bird", "carry", "box")), { subject: [6], predicate: [8], object: [10] });
  assert.equal(saidBy(caption, triplet("bird", "chase", "fox")), null);
  assert.equal(saidBy(caption, triplet("fox", "push", "bird")), null);
  assert.deepEqual(saidBy("a dog is jumping over the cup", triplet("dog", "jump over", "cup")), {
    subject: [1],
    predicate: [3, 4],
    object: [6],
  });
  // A word's beginning is not the word.
  assert.equal(saidBy("the cupboard door hits the foxglove", triplet("fox", "hit", "cup")), null);
});

test("a drawing is a graph once nothing is missing", () => {
  const drawing = emptyDrawing();
  const [fox, ball] = [addObject(drawing), addObject(drawing)];
  assert.match(toGraph(drawing).lacks, /no relation/);
  fox.label = "fox";
  drawing.relations.push({ frame: 4, subject: fox.id, predicate: " push ", object: ball.id });
  fox.boxes.set(4, [0.5, 0.5, 0.2, 0.2]);
  assert.match(toGraph(drawing).lacks, /no label/);
  ball.label = "ball";
  assert.match(toGraph(drawing).lacks, /“ball” has no box/);
  ball.boxes.set(4, [0.8, 0.5, 0.1, 0.1]);
  copyFrame(drawing, 4, 0);
  copyFrame(drawing, 4, 0);
  const { graph } = toGraph(drawing);
  const expected = {
    subject: { id: fox.id, label: "fox", box: [0.5, 0.5, 0.2, 0.2] },
    predicate: "push",
    object: { id: ball.id, label: "ball", box: [0.8, 0.5, 0.1, 0.1] },
  };
  assert.deepEqual(graph.frames, [
    { frame: 0, triplets: [expected] },
    { frame: 4, triplets: [expected] },
  ]);
  drawing.relations.push({ frame: 4, subject: fox.id, predicate: "push", object: fox.id });
  assert.match(toGraph(drawing).lacks, /two different objects/);
  removeObject(drawing, ball);
  drawing.relations.pop();
  assert.match(toGraph(drawing).lacks, /no relation/);
});
