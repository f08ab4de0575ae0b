/** Two captions side by side: how well each fits, and which triplets say the same. */

import type { ExplainedTriplet, Scores } from "sgcr";
import { element, make } from "../dom.js";
import { cosine as cosineText, percent } from "../format.js";
import { captionWords, saidBy, sentence } from "./words.js";

/** Marks the words of a caption that say the best triplet it says. */
function markedCaption(caption: string, triplet: ExplainedTriplet | undefined): HTMLParagraphElement {
  const said = triplet && saidBy(caption, triplet);
  const words = captionWords(caption).flatMap((word, index) => {
    const part = said && (["subject", "predicate", "object"] as const).find((name) => said[name].includes(index));
    return [part ? make("mark", { class: part }, word) : word, " "];
  });
  return make("p", { class: "pair-caption" }, ...words);
}

/** The triplets that a caption says, each once, the best score first. */
function saidTriplets(caption: string, triplets: readonly ExplainedTriplet[]): ExplainedTriplet[] {
  const said = new Map<string, ExplainedTriplet>();
  for (const triplet of [...triplets].sort((a, b) => b.score - a.score)) {
    if (!said.has(sentence(triplet)) && saidBy(caption, triplet)) said.set(sentence(triplet), triplet);
  }
  return [...said.values()];
}

/** Shows two scored captions over the triplets from the threshold on; `hasTokens`: whether there could be any. */
export function showPair(scores: Scores, triplets: readonly ExplainedTriplet[], hasTokens: boolean): void {
  const cards = scores.captions.slice(0, 2).map(({ caption, cosine, probability }, index) => {
    const said = saidTriplets(caption, triplets);
    const fill = make("span");
    fill.style.setProperty("--fill", String(probability));
    const figures = make("p", { class: "quiet" }, `Softmax ${percent(probability)}, cosine ${cosineText(cosine)}`);
    const bar = make("div", { class: "bar", "aria-hidden": "true" }, fill);
    const card = make(
      "div",
      { class: index === scores.best ? "pair-card best" : "pair-card" },
      markedCaption(caption, said[0]),
      bar,
      figures,
    );
    if (hasTokens) card.append(saidList(said));
    return card;
  });
  element("pair", HTMLDivElement).replaceChildren(...cards);
  element("pair-note", HTMLParagraphElement).textContent = hasTokens
    ? "A caption says a triplet where its words name subject, predicate and object in this order."
    : "";
  const { best, captions } = scores;
  const margin = Math.abs((captions[0]?.cosine ?? 0) - (captions[1]?.cosine ?? 0));
  element("pair-verdict", HTMLParagraphElement).textContent =
    captions.length > 1 ? `Caption ${best + 1} fits better by ${margin.toFixed(3)}.` : "";
}

function saidList(said: readonly ExplainedTriplet[]): HTMLElement {
  if (said.length === 0) return make("p", { class: "quiet" }, "No shown triplet says this.");
  const items = said.slice(0, 3).map((triplet) => make("li", {}, `${sentence(triplet)} (${triplet.score.toFixed(2)})`));
  return make("ul", { class: "said", "aria-label": "Triplets that say this" }, ...items);
}
