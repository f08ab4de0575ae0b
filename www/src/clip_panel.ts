/** Where clips come from: the generated world by seed, a file, a drop. */

import { type Clip, SHIPPED, clip, encoded, engine, model } from "./app.js";
import { element } from "./dom.js";
import { hideNotice, showNotice } from "./messages.js";
import { hideTimeline, showClip, showTimeline } from "./player.js";
import { work } from "./work.js";

const seedInput = element("seed", HTMLInputElement);

/** The world's test split: clips that the shipped model was not trained on. */
const TEST_SPLIT = 12_000_000_000;
const TEST_CLIPS = 1_000_000_000;

/** Draws the clip of the seed that stands in the form. */
export function drawWorld(): Promise<void> {
  return drawSeed(Number(seedInput.value));
}

/** Draws the clip of a seed. */
export async function drawSeed(seed: number): Promise<void> {
  const drawing = engine.value;
  if (!drawing) return;
  seedInput.value = String(seed);
  const world = await work(() => drawing.worldClip(seed));
  if (world) setClip({ kind: "world", seed, world });
}

function setClip(next: Clip): void {
  showClip(next);
  clip.value = next;
  tellLimits();
}

/** The shipped model has seen nothing but its world; scores of real videos would mislead. */
function tellLimits(): void {
  if (model.value === SHIPPED && clip.value?.kind === "file") {
    const message =
      "It was trained on drawn clips alone, so its scores of real videos mean little. Load a converted ViCLIP below for those.";
    showNotice({ code: "world-model", message });
  } else hideNotice("world-model");
}

/** Shows a video. */
export function takeFile(file: File | undefined): void {
  if (file) setClip({ kind: "file", file });
}

function wireDrop(): void {
  const stage = element("stage", HTMLDivElement);
  for (const type of ["dragenter", "dragover"]) {
    stage.addEventListener(type, (event) => {
      event.preventDefault();
      stage.classList.add("dragging");
    });
  }
  stage.addEventListener("dragleave", () => stage.classList.remove("dragging"));
  stage.addEventListener("drop", (event) => {
    event.preventDefault();
    stage.classList.remove("dragging");
    takeFile(event.dataTransfer?.files[0]);
  });
}

/** Wires the panel. */
export function startClipPanel(): void {
  element("world-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void drawWorld();
  });
  element("dice", HTMLButtonElement).addEventListener("click", () => {
    seedInput.value = String(TEST_SPLIT + Math.floor(Math.random() * TEST_CLIPS));
    void drawWorld();
  });
  const file = element("file", HTMLInputElement);
  file.addEventListener("change", () => {
    takeFile(file.files?.[0]);
    // The same file again is a change too.
    file.value = "";
  });
  wireDrop();
  encoded.onChange((embedding) => (embedding ? showTimeline(embedding) : hideTimeline()));
  model.onChange(tellLimits);
}
