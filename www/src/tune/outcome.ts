/** What a run changed: the held-out pairs before and after, and the way back. */

import type { AdapterWeights, ComparedCell, ComparedChoice, ComparedPair, DoneEvent, Validation } from "sgcr";
import { engine, weights } from "../app.js";
import { element, make } from "../dom.js";
import { signed, wholePercent } from "../format.js";
import { work } from "../work.js";
import { useAdapters } from "./adapters.js";
import { heldOutPairs } from "./samples.js";

interface Outcome {
  readonly adapter: string;
  readonly before: AdapterWeights;
}

let outcome: Outcome | null = null;

const share = (value: number | null): string => (value === null ? "–" : wholePercent(value));
const difference = (value: number | null): string => (value === null ? "–" : signed(value));

/** Puts the new adapter to use and shows what it changes. */
export async function showOutcome({ adapter, before, after }: DoneEvent): Promise<void> {
  const was = weights.value;
  outcome = { adapter, before: was };
  element("outcome-panel", HTMLDivElement).hidden = false;
  element("outcome-status", HTMLParagraphElement).textContent = verdict(before, after);
  element("outcome", HTMLDivElement).replaceChildren(summaryTable(before, after));
  await useAdapters({ [adapter]: 1 });
  showUndo(true);
  const pairs = heldOutPairs();
  const comparing = engine.value;
  if (!comparing || pairs.length === 0) return;
  const compared = await work((options) => comparing.adapters.compare(pairs, [{}, { [adapter]: 1 }], options));
  const [left, right] = compared ?? [];
  if (left && right) element("outcome", HTMLDivElement).append(pairTable(pairs, left, right));
}

function verdict(before: Validation, after: Validation): string {
  if (before.accuracy === null || after.accuracy === null) return "No held-out pairs of captions: nothing to compare.";
  return `${share(before.accuracy)} of ${after.comparisons} held-out comparisons were right, now ${share(after.accuracy)}.`;
}

function summaryTable(before: Validation, after: Validation): HTMLTableElement {
  const line = (name: string, show: (of: Validation) => string): HTMLTableRowElement =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, show(before)), make("td", {}, show(after)));
  const head = ["Held-out samples", "Before", "After"].map((text) => make("th", { scope: "col" }, text));
  const body = [
    line("Told apart", ({ accuracy }) => share(accuracy)),
    line("Mean margin", ({ margin }) => difference(margin)),
  ];
  return make(
    "table",
    { class: "numbers-table" },
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...body),
  );
}

function cell(compared: ComparedCell | undefined): HTMLTableCellElement {
  if (!compared) return make("td", {}, "–");
  const { right, margin } = compared;
  return make("td", { class: right ? "right" : "wrong" }, `${right ? "right" : "wrong"}, ${signed(margin)}`);
}

function pairTable(pairs: readonly ComparedPair[], left: ComparedChoice, right: ComparedChoice): HTMLTableElement {
  const head = ["Caption, and its near miss", "Before", "After"].map((text) => make("th", { scope: "col" }, text));
  const rows = pairs.map(({ caption, nearMisses }, i) => {
    const texts = make(
      "th",
      { scope: "row" },
      caption,
      make("span", { class: "quiet" }, ` not: ${nearMisses.join("; ")}`),
    );
    return make("tr", {}, texts, cell(left.cells[i]), cell(right.cells[i]));
  });
  return make("table", { class: "pair-table" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

function showUndo(inUse: boolean): void {
  element("undo", HTMLButtonElement).hidden = !inUse;
  element("redo", HTMLButtonElement).hidden = inUse;
}

/** Takes the outcome away: its model is gone. */
export function hideOutcome(): void {
  outcome = null;
  element("outcome-panel", HTMLDivElement).hidden = true;
}

/** Wires the buttons. */
export function mountOutcome(): void {
  const [undo, redo] = [element("undo", HTMLButtonElement), element("redo", HTMLButtonElement)];
  const change = async (inUse: boolean): Promise<void> => {
    if (!outcome) return;
    await useAdapters(inUse ? { [outcome.adapter]: 1 } : outcome.before);
    showUndo(inUse);
    (inUse ? undo : redo).focus();
  };
  undo.addEventListener("click", () => void change(false));
  redo.addEventListener("click", () => void change(true));
}
