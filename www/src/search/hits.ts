/** Clips that were found, as buttons that show them. */

import type { SearchHit } from "sgcr";
import type { Chosen } from "../chosen.js";
import { takeFile } from "../clip_panel.js";
import { element, make } from "../dom.js";
import { cosine } from "../format.js";
import { seek } from "../player.js";
import { attempt } from "../work.js";

/** Seconds as a clock has them. */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = (seconds - 60 * Math.floor(whole / 60)).toFixed(1).padStart(4, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Lists hits; `find` opens a video's file. */
export function showHits(hits: readonly SearchHit[], find: Chosen["find"]): void {
  element("hits", HTMLOListElement).replaceChildren(...hits.map((hit) => item(hit, find(hit.video))));
}

function item({ video, frames, seconds, cosine: fit }: SearchHit, open: ReturnType<Chosen["find"]>): HTMLLIElement {
  const when = seconds ? `${clock(seconds[0])} to ${clock(seconds[1])}` : `frames ${frames.start} to ${frames.end - 1}`;
  const show = make(
    "button",
    { type: "button" },
    make("span", { class: "where" }, video),
    make("span", { class: "quiet" }, `${when} · ${cosine(fit)}`),
  );
  show.disabled = !open;
  show.addEventListener("click", async () => {
    const file = open && (await attempt(open));
    if (!file) return;
    takeFile(file);
    if (seconds) seek({ seconds: seconds[0], frame: null });
  });
  return make("li", {}, show);
}
