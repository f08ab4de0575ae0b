/** The share of CLS's attention on scene-graph tokens and patches, layer by layer (SGCR-Vid, Figure 4). */

import type { LayerShares } from "sgcr";
import { Chart, type Line, numbersTable } from "../chart.js";
import { element } from "../dom.js";
import { wholePercent } from "../format.js";

const LINES: readonly Line[] = [
  { label: "Scene-graph tokens", colour: "--subject" },
  { label: "Patches", colour: "--object", dash: [7, 4] },
  { label: "Itself", colour: "--line-strong", dash: [2, 4] },
];

let chart: Chart | null = null;

/** Shows a clip's shares; none hides the plot. */
export function showAttention(attention: readonly LayerShares[]): void {
  element("attention-panel", HTMLDivElement).hidden = attention.length === 0;
  if (attention.length === 0) return;
  chart ??= new Chart(element("attention-plot", HTMLDivElement), {
    x: "layer",
    y: "share of attention",
    lines: LINES,
    format: wholePercent,
    range: [0, 1],
  });
  const shares = [
    attention.map(({ scene }) => scene),
    attention.map(({ patch }) => patch),
    attention.map(({ cls }) => cls),
  ];
  const summary = summarise(attention);
  chart.set(
    attention.map((_, layer) => layer + 1),
    shares,
    summary,
  );
  element("attention-note", HTMLParagraphElement).textContent =
    `${summary} The clip's embedding is what its token (CLS) gathers; shares are means over the heads and add up to 100 %.`;
  const rows = attention.map((_, layer) => [
    String(layer + 1),
    ...shares.map((line) => `${((line[layer] ?? 0) * 100).toFixed(1)} %`),
  ]);
  element("attention-numbers", HTMLDivElement).replaceChildren(
    numbersTable("Share of attention by layer", ["Layer", ...LINES.map(({ label }) => label)], rows),
  );
}

function summarise(attention: readonly LayerShares[]): string {
  const scene = attention.map((shares) => shares.scene);
  const most = Math.max(...scene);
  if (most === 0) return "This model has patches alone to look at.";
  const layer = scene.indexOf(most) + 1;
  return `Scene-graph tokens get most in layer ${layer} of ${attention.length}: ${wholePercent(most)}.`;
}
