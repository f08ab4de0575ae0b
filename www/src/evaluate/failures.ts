/** Videos that could not be used, and the samples that went most wrong. */

import type { HardSample, MissingVideo } from "sgcr";
import type { Chosen } from "../chosen.js";
import { drawSeed, takeFile } from "../clip_panel.js";
import { element, make } from "../dom.js";
import { attempt } from "../work.js";

/** Names of generated clips. */
const WORLD = /^world_(\d+)$/;

let missing: MissingVideo[] = [];

/** Takes everything away. */
export function clearFailures(): void {
  missing = [];
  element("missing-panel", HTMLDivElement).hidden = true;
  element("hardest-panel", HTMLDivElement).hidden = true;
}

/** Adds a video that could not be used. */
export function showMissing(video: MissingVideo): void {
  missing.push(video);
  element("missing-panel", HTMLDivElement).hidden = false;
  const samples = missing.reduce((sum, { samples: own }) => sum + own, 0);
  const videos = missing.length === 1 ? "1 video" : `${missing.length} videos`;
  element("missing-about", HTMLParagraphElement).textContent = `${videos}, and with them ${samples} samples`;
  const head = ["Video", "Why"].map((text) => make("th", { scope: "col" }, text));
  const rows = missing.map(({ video: name, reason, code }) => {
    const why = make("td", {}, `${reason} `, make("code", { class: "quiet" }, code));
    return make("tr", {}, make("th", { scope: "row" }, name), why);
  });
  const table = make("table", { class: "sample-table" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  element("missing-list", HTMLDivElement).replaceChildren(table);
}

/** Shows wrong answers; `find` opens a video's file. */
export function showHardest(samples: readonly HardSample[], find: Chosen["find"]): void {
  element("hardest-panel", HTMLDivElement).hidden = samples.length === 0;
  const items = samples.map(({ video, kind, told }) => {
    const show = make("button", { type: "button", "aria-label": `Show ${video}` }, "Show");
    const [seed, open] = [WORLD.exec(video)?.[1], find(video)];
    show.addEventListener("click", async () => {
      if (seed) void drawSeed(Number(seed));
      else takeFile((open && (await attempt(open))) ?? undefined);
    });
    show.disabled = !seed && !open;
    const about = make("p", { class: "quiet" }, `${kind} · ${video}`);
    return make("li", {}, make("div", {}, ...told.map((line) => make("p", {}, line)), about), show);
  });
  element("hardest", HTMLOListElement).replaceChildren(...items);
}
