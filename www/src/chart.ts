/** Line plots in the page's own colours, light and dark, as wide as their place. */

import uPlot from "uplot";
import { make } from "./dom.js";

/** One line of a plot. */
export interface Line {
  /** What it shows. */
  readonly label: string;
  /** The style sheet's variable with its colour. */
  readonly colour: string;
  /** Dashes, so that lines differ without colours, too. */
  readonly dash?: number[];
}

/** What a plot looks like. */
export interface ChartOptions {
  /** What runs from left to right. */
  readonly x: string;
  /** What is measured. */
  readonly y: string;
  /** The lines. */
  readonly lines: readonly Line[];
  /** A number for people. */
  readonly format: (value: number) => string;
  /** Least and largest y; by the data where left out. */
  readonly range?: readonly [number, number];
}

const HEIGHT = 220;
const FONT = "13px system-ui, sans-serif";

/** A plot in its place. Screen readers hear a sentence in its stead. */
export class Chart {
  readonly #host: HTMLElement;
  readonly #options: ChartOptions;
  readonly #ended = new AbortController();
  readonly #resized = new ResizeObserver(() => this.#fit());
  #plot: uPlot | null = null;
  #data: uPlot.AlignedData;

  /** Takes an empty element. */
  constructor(host: HTMLElement, options: ChartOptions) {
    this.#host = host;
    this.#options = options;
    this.#data = [[], ...options.lines.map(() => [])];
    host.classList.add("chart");
    host.setAttribute("role", "img");
    this.#resized.observe(host);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#rebuild(), { signal: this.#ended.signal });
  }

  /** Shows data: the positions, and for each line its values (null leaves a gap), with the sentence that says it in words. */
  set(x: readonly number[], lines: readonly (readonly (number | null)[])[], summary: string): void {
    this.#data = [[...x], ...lines.map((line) => [...line])];
    this.#host.setAttribute("aria-label", summary);
    if (this.#plot) this.#plot.setData(this.#data);
    else this.#fit();
  }

  /** Leaves its place to another plot. */
  destroy(): void {
    this.#ended.abort();
    this.#resized.disconnect();
    this.#plot?.destroy();
  }

  #fit(): void {
    const width = Math.floor(this.#host.clientWidth);
    // Hidden, or no data yet.
    if (width === 0 || this.#data[0].length === 0) return;
    if (this.#plot) this.#plot.setSize({ width, height: HEIGHT });
    else this.#plot = new uPlot(this.#settings(width), this.#data, this.#host);
  }

  #rebuild(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.#fit();
  }

  #settings(width: number): uPlot.Options {
    const { x, y, lines, format, range } = this.#options;
    const style = getComputedStyle(this.#host);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: FONT,
      labelFont: FONT,
    };
    const whole = (_: uPlot, values: number[]): string[] =>
      values.map((value) => (Number.isInteger(value) ? String(value) : ""));
    return {
      width,
      height: HEIGHT,
      cursor: { show: false },
      // The sentence and the table beside it hold the numbers.
      legend: { live: false },
      scales: { x: { time: false }, y: range ? { range: [...range] } : {} },
      axes: [
        { ...axis, label: x, labelSize: 20, size: 30, values: whole },
        { ...axis, label: y, labelSize: 20, size: 52, values: (_, values) => values.map(format) },
      ],
      series: [
        { label: x },
        ...lines.map(({ label, colour: name, dash }) => ({
          label,
          stroke: colour(name),
          width: 2,
          spanGaps: true,
          points: { size: 6, fill: colour("--surface") },
          ...(dash ? { dash } : {}),
        })),
      ],
    };
  }
}

/** A plot's numbers for those who would rather read them. */
export function numbersTable(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): HTMLTableElement {
  const header = make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map(([first = "", ...rest]) =>
    make("tr", {}, make("th", { scope: "row" }, first), ...rest.map((text) => make("td", {}, text))),
  );
  return make(
    "table",
    { class: "numbers-table" },
    make("caption", {}, caption),
    make("thead", {}, header),
    make("tbody", {}, ...body),
  );
}
