/** A run's table, numbers and files. */

import type { EvaluationResults, EvaluationRow, EvaluationTable } from "sgcr";
import { element, make } from "../dom.js";
import { saveFile } from "../save.js";

const share = (value: number): string => (value * 100).toFixed(1);
const interval = ([low, high]: readonly [number, number]): string => `${share(low)} – ${share(high)}`;

/** Numbers whose names end so are ranks, all others shares. */
const RANK = "_rank";

function row({ title, accuracy, wilson, by_video, ties, total, videos }: EvaluationRow): HTMLTableRowElement {
  const bar = make("span", {});
  bar.style.setProperty("--fill", String(accuracy ?? 0));
  const cells = [interval(wilson), interval(by_video), String(ties), String(total), String(videos)];
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, title),
    make("td", { class: "accuracy" }, accuracy === null ? "–" : share(accuracy), make("div", { class: "bar", "aria-hidden": "true" }, bar)),
    ...cells.map((text) => make("td", {}, text)),
  );
}

function metric([name, value]: [string, number | null]): HTMLElement {
  const shown = value === null ? "–" : name.endsWith(RANK) ? value.toFixed(1) : `${share(value)} %`;
  return make("div", {}, make("dt", {}, name.replaceAll("_", " ")), make("dd", {}, shown));
}

/** Shows results, as far as they are; `about` says of what. */
export function showTable({ rows, metrics }: EvaluationTable, about: string): void {
  element("results", HTMLDivElement).hidden = false;
  element("results-about", HTMLParagraphElement).textContent = about;
  const head = ["Group", "Right, %", "Wilson", "By video", "Ties", "Samples", "Videos"];
  const table = make(
    "table",
    { class: "numbers-table results-table" },
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...rows.map(row)),
  );
  element("results-table", HTMLDivElement).replaceChildren(table);
  element("results-metrics", HTMLDListElement).replaceChildren(...Object.entries(metrics).map(metric));
}

let finished: EvaluationResults | null = null;

/** Offers a finished run's files; takes them away for none. */
export function offerFiles(results: EvaluationResults | null): void {
  finished = results;
  element("results-files", HTMLDivElement).hidden = results === null;
}

/** Takes everything away. */
export function clearResults(): void {
  element("results", HTMLDivElement).hidden = true;
  offerFiles(null);
}

/** Wires the buttons. */
export function mountResults(): void {
  const save = (id: string, content: (results: EvaluationResults) => [name: string, text: string, type: string]): void => {
    element(id, HTMLButtonElement).addEventListener("click", () => {
      if (!finished) return;
      const [name, text, type] = content(finished);
      saveFile(name, new Blob([text], { type }));
    });
  };
  save("save-results", ({ document }) => ["results.json", document, "application/json"]);
  save("save-samples", ({ samples, samplesFile }) => [samplesFile, samples, "application/jsonl"]);
  save("save-table", ({ markdown }) => ["results.md", `${markdown}\n`, "text/markdown"]);
}
