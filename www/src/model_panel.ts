/** Which model runs on which device. */

import { type DeviceChoice, type EngineInfo, type ModelSource, createEngine, deleteCached, probe } from "sgcr";
import { SHIPPED, clip, engine, model } from "./app.js";
import { drawWorld } from "./clip_panel.js";
import { element, make } from "./dom.js";
import { hideNotice, showNotice } from "./messages.js";
import { work } from "./work.js";

const engineLine = element("engine-line", HTMLParagraphElement);
const deviceSelect = element("device", HTMLSelectElement);

function describe(info: EngineInfo): string {
  const device = info.device === "webgpu" ? `WebGPU: ${info.deviceDescription}` : "CPU";
  const tokens = info.sceneTokens === "none" ? "" : ", with scene-graph tokens";
  const family = info.modelType === "viclip" ? "ViCLIP" : "CLIP";
  const test = info.device === "webgpu" ? ` Self-test passed, off by ${info.selfTestDifference.toExponential(0)}.` : "";
  return `${device} · ${family} at ${info.imageSize} pixels, ${info.frames} frames${tokens}.${test}`;
}

/** Opens a model in place of the one before, which stays if that fails. */
export async function loadModel(source: ModelSource): Promise<void> {
  const device = deviceSelect.value as DeviceChoice;
  hideNotice("device-fallback");
  hideNotice("storage-refused");
  const opened = await work((options) => createEngine({ model: source, device, onNotice: showNotice, ...options }));
  if (!opened) {
    if (!engine.value) engineLine.textContent = "No model is loaded.";
    return;
  }
  engine.value?.dispose();
  model.value = source;
  engineLine.textContent = describe(opened.info);
  engine.value = opened;
  if (!clip.value) await drawWorld();
}

async function tellMachine(): Promise<void> {
  const { advice } = await probe();
  element("advice", HTMLUListElement).replaceChildren(...advice.map((text) => make("li", {}, text)));
}

/** Wires the panel and loads the shipped model. */
export function startModelPanel(): void {
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
  deviceSelect.addEventListener("change", () => void loadModel(model.value));
  const forget = element("forget", HTMLButtonElement);
  forget.addEventListener("click", async () => {
    const count = await deleteCached();
    forget.textContent = count === 1 ? "1 file deleted" : `${count} files deleted`;
  });
  void tellMachine();
  void loadModel(SHIPPED);
}
