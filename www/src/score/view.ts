/** View "Score": captions of the clip, and how well each fits. */

import type { NearMiss } from "sgcr";
import { type Clip, clip, encode, engine, weights } from "../app.js";
import { element, make } from "../dom.js";
import type { View } from "../views.js";
import { work } from "../work.js";
import { addCaption, captions, clearScores, isScored, mountCaptions, setCaptions, showScores } from "./caption_list.js";
import html from "./score.html";

/** The view. */
export const scoreView: View = {
  name: "score",
  link: "Score",
  title: "Which caption fits?",
  lead: "sgcr tells near-miss captions of a clip apart: who did what to whom, in which order. The model runs in this browser; your clips never leave it.",
  html,
  mount,
  show() {
    const written = captions().some((text) => text.trim() !== "");
    if (written && !isScored()) void score();
  },
};

function mount(): void {
  mountCaptions();
  element("score", HTMLButtonElement).addEventListener("click", () => void score());
  element("caption-list", HTMLOListElement).addEventListener("score", () => void score());
  element("add", HTMLButtonElement).addEventListener("click", () => addCaption("").focus());
  engine.onChange(clearScores);
  weights.onChange(clearScores);
  clip.onChange((next) => next && takeCaptions(next));
}

/** A generated clip comes with captions; those of one's own stay. */
function takeCaptions(next: Clip): void {
  clearScores();
  if (next.kind === "file") {
    if (captions().every((text) => text.trim() === "")) setCaptions([{ text: "" }, { text: "" }]);
    showNearMisses([]);
    return;
  }
  const { nearMisses, captions: true_ } = next.world;
  showNearMisses(nearMisses);
  const [pair] = nearMisses;
  if (pair) usePair(pair);
  else setCaptions([{ text: true_[0] ?? "", truth: "fits" }]);
}

function usePair(pair: NearMiss): void {
  const { fits, misses, kind } = pair;
  const both = [
    { text: fits, truth: "fits" as const },
    { text: misses, truth: "misses" as const },
  ];
  // Not always the true one first; which, follows from the words, so that a pair looks the same each time.
  setCaptions((fits.length + kind.length) % 2 === 0 ? both : both.reverse());
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
      void score();
    });
    return chip;
  });
  element("near-miss-list", HTMLDivElement).replaceChildren(...chips);
  element("near-misses", HTMLDivElement).hidden = pairs.length === 0;
}

async function score(): Promise<void> {
  const scoring = engine.value;
  const scored = clip.value;
  const texts = captions();
  if (!scoring || !scored || texts.length === 0) return;
  const scores = await work(async (options) => {
    // Encoded once; new captions cost only themselves.
    const embedding = await encode(scoring, scored, options);
    return scoring.score(embedding, texts, { signal: options.signal });
  });
  if (scores && clip.value === scored && engine.value === scoring) showScores(scores);
}
