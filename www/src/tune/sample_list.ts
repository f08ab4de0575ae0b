/** The list of samples. */

import { element, make } from "../dom.js";
import { type Collected, countInWords, holdOut, removeSample, samples } from "./samples.js";

function row(collected: Collected, index: number): HTMLTableRowElement {
  const held = make("input", { type: "checkbox", "aria-label": `Hold sample ${index + 1} out` });
  held.checked = collected.heldOut;
  held.addEventListener("change", () => {
    holdOut(collected, held.checked);
    focusRow(index, "input");
  });
  const remove = make(
    "button",
    { type: "button", class: "icon small", "aria-label": `Remove sample ${index + 1}` },
    "×",
  );
  remove.addEventListener("click", () => {
    removeSample(collected);
    focusRow(Math.min(index, samples.value.length - 1), "button");
  });
  return make(
    "tr",
    {},
    make("td", {}, held),
    make("th", { scope: "row" }, collected.title),
    make("td", { class: "says" }, collected.says),
    make("td", {}, remove),
  );
}

/** The list is made anew at each change; focus stays where it was. */
function focusRow(index: number, control: string): void {
  const rows = document.querySelectorAll("#sample-list tbody tr");
  const next = rows[index]?.querySelector<HTMLElement>(control);
  (next ?? element("samples-title", HTMLHeadingElement)).focus();
}

function render(): void {
  element("samples-status", HTMLParagraphElement).textContent = countInWords();
  element("sample-box", HTMLDivElement).hidden = samples.value.length === 0;
  const head = ["Held out", "Clip", "Says", "Remove"].map((text) => make("th", { scope: "col" }, text));
  const rows = samples.value.map(row);
  const table = make(
    "table",
    { class: "sample-table" },
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows),
  );
  element("sample-list", HTMLDivElement).replaceChildren(table);
}

/** Wires the list. */
export function mountSampleList(): void {
  element("samples-title", HTMLHeadingElement).tabIndex = -1;
  element("clear-samples", HTMLButtonElement).addEventListener("click", () => {
    samples.value = [];
    element("samples-title", HTMLHeadingElement).focus();
  });
  samples.onChange(render);
  render();
}
