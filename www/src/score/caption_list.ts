/** The list of captions, and how well each fits. */

import type { CaptionScore, Scores } from "sgcr";
import { element, make } from "../dom.js";
import { cosine as cosineText, percent, signed } from "../format.js";

/** Whether a caption is known to be true of the clip; unknown for captions that a person wrote. */
export type Truth = "fits" | "misses" | undefined;

interface Row {
  item: HTMLLIElement;
  input: HTMLTextAreaElement;
  result: HTMLDivElement;
  truth: Truth;
}

let list: HTMLOListElement;
let reading: HTMLParagraphElement;
let verdict: HTMLParagraphElement;
let rows: Row[] = [];

/** Finds the list's elements, once they are in the page. */
export function mountCaptions(): void {
  list = element("caption-list", HTMLOListElement);
  reading = element("reading", HTMLParagraphElement);
  verdict = element("verdict", HTMLParagraphElement);
}

/** The captions as they stand. */
export function captions(): string[] {
  return rows.map(({ input }) => input.value);
}

/** Whether the list shows the scores of the captions as they stand. */
export function isScored(): boolean {
  return verdict.textContent !== "" && !list.classList.contains("stale");
}

/** Adds a caption at the end. */
export function addCaption(text: string, truth?: Truth): HTMLTextAreaElement {
  const input = make("textarea", { rows: "1", spellcheck: "false", autocomplete: "off", enterkeyhint: "go" });
  input.value = text;
  const remove = make("button", { type: "button", class: "icon", title: "Remove this caption" }, "×");
  const result = make("div", { class: "result" });
  const item = make("li", { class: "caption" }, input, remove, result);
  const row: Row = { item, input, result, truth };
  rows.push(row);
  list.append(item);
  number();
  fit(input);
  input.addEventListener("input", () => {
    // Changed by hand: nobody knows any more whether it is true.
    row.truth = undefined;
    fit(input);
    list.classList.add("stale");
  });
  input.addEventListener("keydown", (event) => {
    // A caption is one line; Enter scores, as in any form.
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    list.dispatchEvent(new CustomEvent("score", { bubbles: true }));
  });
  remove.addEventListener("click", () => removeRow(row));
  return input;
}

function removeRow(row: Row): void {
  const at = rows.indexOf(row);
  rows = rows.filter((other) => other !== row);
  row.item.remove();
  list.classList.add("stale");
  number();
  (rows[Math.min(at, rows.length - 1)]?.input ?? element("add", HTMLButtonElement)).focus();
}

function number(): void {
  rows.forEach(({ input, item }, i) => {
    input.setAttribute("aria-label", `Caption ${i + 1}`);
    item.querySelector("button")?.setAttribute("aria-label", `Remove caption ${i + 1}`);
  });
}

/** As tall as its text, where the browser does not do that by itself (`field-sizing`). */
function fit(input: HTMLTextAreaElement): void {
  if (CSS.supports("field-sizing", "content")) return;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight + 2}px`;
}

/** Replaces all captions. */
export function setCaptions(texts: readonly { text: string; truth?: Truth }[]): void {
  rows = [];
  list.replaceChildren();
  list.classList.remove("stale");
  for (const { text, truth } of texts) addCaption(text, truth);
  verdict.textContent = "";
}

/** Takes results away: they were another clip's. */
export function clearScores(): void {
  for (const { item, result } of rows) {
    item.classList.remove("best");
    result.replaceChildren();
  }
  list.classList.remove("stale");
  reading.hidden = true;
  verdict.textContent = "";
}

function figure(name: string, value: string, kind = ""): HTMLDivElement {
  return make("div", { class: kind }, make("dt", {}, name), make("dd", {}, value));
}

function showScore({ result, truth }: Row, { probability, cosine, margin }: CaptionScore): void {
  const fill = make("span");
  // From zero, so that the bar grows in view.
  fill.style.setProperty("--fill", "0");
  requestAnimationFrame(() => fill.style.setProperty("--fill", String(probability)));
  const numbers = make("dl", { class: "numbers" });
  numbers.append(figure("Softmax", percent(probability), "share"), figure("Cosine", cosineText(cosine)));
  if (margin !== null) numbers.append(figure("Margin", signed(margin)));
  const line = make("div", { class: "figures" }, numbers);
  if (truth) line.append(make("span", { class: "truth" }, truth === "fits" ? "true of the clip" : "near miss"));
  result.replaceChildren(make("div", { class: "bar", "aria-hidden": "true" }, fill), line);
}

/** Shows how well each caption fits. */
export function showScores(scores: Scores): void {
  rows.forEach((row, i) => {
    const score = scores.captions[i];
    if (!score) return;
    row.item.classList.toggle("best", i === scores.best);
    showScore(row, score);
  });
  list.classList.remove("stale");
  reading.hidden = false;
  verdict.textContent = verdictOf(scores);
}

function verdictOf({ best, captions: scored }: Scores): string {
  const winner = scored[best];
  if (!winner || scored.length < 2) return "One caption: add another to compare.";
  const share = `caption ${best + 1}, ${percent(winner.probability)}`;
  const { truth } = rows[best] ?? {};
  if (truth === "fits") return `Told apart: ${share}.`;
  if (truth === "misses") return `Fooled by the near miss: ${share}.`;
  return `Best fit: ${share}.`;
}
