/** The demo page: wires model, clip and captions together. */

import { type ClipEmbedding, type Engine, type EngineInfo, type ModelSource, type NearMiss, createEngine, deleteCached, probe } from "sgcr";
import { addCaption, captions, clearScores, setCaptions, showScores } from "./caption_list.js";
import { type Clip, showClip, showTimeline } from "./clip_view.js";
import { element, make } from "./dom.js";
import { hideNotice, showNotice } from "./messages.js";
import { cancelWork, isWorking, work } from "./work.js";

/** Beside the page, so that it works below any path. */
const SHIPPED = new URL("model/", document.baseURI).href;

let engine: Engine | null = null;
let model: ModelSource = SHIPPED;
let clip: Clip | null = null;
let encoded: ClipEmbedding | null = null;

const engineLine = element("engine-line", HTMLParagraphElement);
const seedInput = element("seed", HTMLInputElement);
const deviceSelect = element("device", HTMLSelectElement);
const scoreButton = element("score", HTMLButtonElement);

function describe(info: EngineInfo): string {
  const device = info.device === "webgpu" ? `WebGPU: ${info.deviceDescription}` : "CPU";
  const tokens = info.sceneTokens === "none" ? "" : ", with scene-graph tokens";
  const family = info.modelType === "viclip" ? "ViCLIP" : "CLIP";
  const test = info.device === "webgpu" ? ` Self-test passed, off by ${info.selfTestDifference.toExponential(0)}.` : "";
  return `${device} · ${family} at ${info.imageSize} pixels, ${info.frames} frames${tokens}.${test}`;
}

async function loadModel(source: ModelSource): Promise<void> {
  const device = deviceSelect.value as "auto" | "webgpu" | "cpu";
  hideNotice("device-fallback");
  hideNotice("storage-refused");
  const opened = await work((options) => createEngine({ model: source, device, onNotice: showNotice, ...options }));
  if (!opened) {
    if (!engine) engineLine.textContent = "No model is loaded.";
    return;
  }
  engine?.dispose();
  engine = opened;
  model = source;
  encoded = null;
  engineLine.textContent = describe(opened.info);
  clearScores();
  tellLimits();
  if (clip) await score();
  else await drawWorld(Number(seedInput.value));
}

/** The shipped model has seen nothing but its world; scores of real videos would mislead. */
function tellLimits(): void {
  if (model === SHIPPED && clip?.kind === "file") {
    const message = "It was trained on drawn clips alone, so its scores of real videos mean little. Load a converted ViCLIP below for those.";
    showNotice({ code: "world-model", message });
  } else hideNotice("world-model");
}

async function setClip(next: Clip): Promise<void> {
  clip = next;
  encoded = null;
  showClip(next);
  clearScores();
  showNearMisses(next.kind === "world" ? next.world.nearMisses : []);
  tellLimits();
  await score();
}

async function drawWorld(seed: number): Promise<void> {
  const drawing = engine;
  if (!drawing) return;
  const world = await work(() => drawing.worldClip(seed));
  if (!world) return;
  const pair = world.nearMisses[0];
  if (pair) usePair(pair);
  else setCaptions([{ text: world.captions[0] ?? "", truth: "fits" }]);
  await setClip({ kind: "world", seed, world });
  if (pair) markPair(pair);
}

function usePair({ fits, misses, kind }: NearMiss): void {
  const pair = [
    { text: fits, truth: "fits" as const },
    { text: misses, truth: "misses" as const },
  ];
  // Not always the true one first; which, follows from the words, so that a pair looks the same each time.
  setCaptions((fits.length + kind.length) % 2 === 0 ? pair : pair.reverse());
}

function markPair(pair: NearMiss): void {
  for (const chip of document.querySelectorAll("#near-miss-list button")) {
    chip.setAttribute("aria-pressed", String(chip.textContent === chipText(pair)));
  }
}

const chipText = ({ title }: NearMiss): string => title.charAt(0).toUpperCase() + title.slice(1);

function showNearMisses(pairs: readonly NearMiss[]): void {
  const chips = pairs.map((pair) => {
    const chip = make("button", { type: "button", "aria-pressed": "false" }, chipText(pair));
    chip.addEventListener("click", () => {
      usePair(pair);
      markPair(pair);
      void score();
    });
    return chip;
  });
  element("near-miss-list", HTMLDivElement).replaceChildren(...chips);
  element("near-misses", HTMLDivElement).hidden = pairs.length === 0;
}

async function score(): Promise<void> {
  const scoring = engine;
  const scored = clip;
  const texts = captions();
  if (!scoring || !scored || texts.length === 0) return;
  const scores = await work(async (options) => {
    const input = scored.kind === "world" ? scored.world.frames : scored.file;
    // Encoded once; new captions cost only themselves.
    if (!encoded) {
      const embedding = await scoring.encodeVideo(input, options);
      if (clip === scored) {
        encoded = embedding;
        showTimeline(embedding);
      }
      return scoring.score(embedding, texts, { signal: options.signal });
    }
    return scoring.score(encoded, texts, options);
  });
  if (scores && clip === scored) showScores(scores);
}

function takeFile(file: File | undefined): void {
  if (!file) return;
  if (captions().every((text) => text.trim() === "")) setCaptions([{ text: "" }, { text: "" }]);
  void setClip({ kind: "file", file });
}

function wireClip(): void {
  element("world-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void drawWorld(Number(seedInput.value));
  });
  element("dice", HTMLButtonElement).addEventListener("click", () => {
    // The world's test split: clips that the shipped model was not trained on.
    seedInput.value = String(2_000_000_000 + Math.floor(Math.random() * 1_000_000_000));
    void drawWorld(Number(seedInput.value));
  });
  const file = element("file", HTMLInputElement);
  file.addEventListener("change", () => {
    takeFile(file.files?.[0]);
    // The same file again is a change too.
    file.value = "";
  });
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

function wireCaptions(): void {
  scoreButton.addEventListener("click", () => void score());
  element("caption-list", HTMLOListElement).addEventListener("score", () => void score());
  element("add", HTMLButtonElement).addEventListener("click", () => addCaption("").focus());
}

function wireModel(): void {
  const url = element("model-url", HTMLInputElement);
  element("model-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    if (url.value.trim()) void loadModel(url.value.trim());
    else url.focus();
  });
  const folder = element("folder", HTMLInputElement);
  folder.addEventListener("change", () => {
    if (folder.files?.length) void loadModel([...folder.files]);
  });
  element("shipped", HTMLButtonElement).addEventListener("click", () => void loadModel(SHIPPED));
  deviceSelect.addEventListener("change", () => void loadModel(model));
  const forget = element("forget", HTMLButtonElement);
  forget.addEventListener("click", async () => {
    const count = await deleteCached();
    forget.textContent = count === 1 ? "1 file deleted" : `${count} files deleted`;
  });
}

function wireWork(): void {
  element("cancel", HTMLButtonElement).addEventListener("click", cancelWork);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isWorking()) cancelWork();
  });
}

async function tellMachine(): Promise<void> {
  const { advice } = await probe();
  element("advice", HTMLUListElement).replaceChildren(...advice.map((text) => make("li", {}, text)));
}

wireClip();
wireCaptions();
wireModel();
wireWork();
void tellMachine();
void loadModel(SHIPPED);
