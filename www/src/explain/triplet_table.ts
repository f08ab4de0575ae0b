/** The timeline of triplets: a row each, a column for each frame that the model saw. */

import type { ExplainedFrame } from "sgcr";
import { make } from "../dom.js";
import { sentence } from "./words.js";

/** Rows at most: the best of them. */
const AT_MOST = 12;

interface Row {
  readonly text: string;
  /** Its best score in each frame. */
  readonly scores: number[];
  readonly best: number;
}

/** All triplets of a clip, the best score first; one that several tokens tell counts once a frame. */
export function rowsOf(frames: readonly ExplainedFrame[]): Row[] {
  const rows = new Map<string, number[]>();
  frames.forEach(({ triplets }, column) => {
    for (const triplet of triplets) {
      const text = sentence(triplet);
      const scores = rows.get(text) ?? frames.map(() => 0);
      scores[column] = Math.max(scores[column] ?? 0, triplet.score);
      rows.set(text, scores);
    }
  });
  const made = [...rows].map(([text, scores]) => ({ text, scores, best: Math.max(...scores) }));
  return made.sort((a, b) => b.best - a.best);
}

const when = ({ frame, seconds }: ExplainedFrame): string =>
  seconds === null ? `${frame}` : `${seconds.toFixed(1)} s`;

/** What the table shows, and how many rows it leaves out. */
export interface TripletTable {
  /** The table. */
  readonly table: HTMLTableElement;
  /** Rows from the threshold on that have no place. */
  readonly leftOut: number;
}

/** Makes the table; a cell's button leads to its frame. */
export function tripletTable(
  frames: readonly ExplainedFrame[],
  threshold: number,
  goTo: (column: number) => void,
): TripletTable {
  const all = rowsOf(frames).filter(({ best }) => best >= threshold);
  const head = frames.map((frame, column) => make("th", { scope: "col", "data-column": String(column) }, when(frame)));
  const unit = frames[0]?.seconds === null ? "Frame" : "Time";
  const body = all.slice(0, AT_MOST).map(({ text, scores }) => {
    const cells = scores.map((score, column) => {
      const cell = make("td", { "data-column": String(column) });
      if (score < threshold) return cell;
      const place = frames[column];
      const button = make("button", { type: "button", class: "cell" }, score.toFixed(2));
      button.setAttribute(
        "aria-label",
        `${text}, ${unit.toLowerCase()} ${place ? when(place) : ""}, score ${score.toFixed(2)}`,
      );
      button.style.setProperty("--score", String(score));
      button.addEventListener("click", () => goTo(column));
      cell.append(button);
      return cell;
    });
    return make("tr", {}, make("th", { scope: "row" }, text), ...cells);
  });
  const table = make(
    "table",
    { class: "triplet-table" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, unit), ...head)),
    make("tbody", {}, ...body),
  );
  return { table, leftOut: Math.max(all.length - AT_MOST, 0) };
}

/** Marks the column of the frame that is shown. */
export function markColumn(host: HTMLElement, column: number): void {
  for (const cell of host.querySelectorAll("[data-column]")) {
    cell.classList.toggle("now", cell.getAttribute("data-column") === String(column));
  }
}
