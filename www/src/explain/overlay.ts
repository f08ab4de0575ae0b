/** Boxes over the clip: a triplet's subject and object, in two colours and two kinds of line. */

import type { Box, ExplainedFrame, ExplainedTriplet } from "sgcr";
import { element, make } from "../dom.js";
import type { Moment } from "../player.js";
import { sentence } from "./words.js";

/** More would hide the picture. */
const AT_MOST = 4;

/** What a label takes, in parts of the picture's height. */
const ROOM = 0.08;

const overlay = element("overlay", HTMLDivElement);

/**
 * The triplets of a frame that are shown: the highest scores from the threshold on. What several tokens say in the same
 * words is shown once, where the surest of them sees it.
 */
export function shown(frame: ExplainedFrame, threshold: number): ExplainedTriplet[] {
  const said = new Set<string>();
  const first = (triplet: ExplainedTriplet): boolean => said.size < said.add(sentence(triplet)).size;
  return frame.triplets
    .filter(({ score }) => score >= threshold)
    .filter(first)
    .slice(0, AT_MOST);
}

/** When a frame that the model saw is shown. */
export function momentOf({ frame, seconds }: ExplainedFrame): Moment {
  return { seconds: seconds ?? 0, frame };
}

/** Position of the frame that is next to where the player is. */
export function nearest(frames: readonly ExplainedFrame[], now: Moment): number {
  const distance = ({ frame, seconds }: ExplainedFrame): number =>
    now.frame !== null ? Math.abs(frame - now.frame) : Math.abs((seconds ?? 0) - now.seconds);
  let best = 0;
  frames.forEach((frame, i) => {
    const other = frames[best];
    if (other && distance(frame) < distance(other)) best = i;
  });
  return best;
}

const percent = (part: number): string => `${(Math.min(Math.max(part, 0), 1) * 100).toFixed(2)}%`;

/** A box at its place in the picture. */
export function boxElement([x, y, width, height]: Box, kind: "subject" | "object", label: string): HTMLDivElement {
  const box = make("div", { class: `box ${kind}` }, make("span", { class: "box-label" }, label));
  const [left, top] = [Math.max(x - width / 2, 0), Math.max(y - height / 2, 0)];
  const bottom = Math.min(y + height / 2, 1);
  box.style.left = percent(left);
  box.style.top = percent(top);
  box.style.width = percent(Math.min(x + width / 2, 1) - left);
  box.style.height = percent(bottom - top);
  // Labels stand above subjects and below objects, whose boxes often meet; at the picture's edge they would be cut off.
  if (kind === "subject" ? top < ROOM : bottom > 1 - ROOM) box.classList.add("label-inside");
  return box;
}

/** Draws the boxes of some triplets; the list beside says the same in words. */
export function drawBoxes(triplets: readonly ExplainedTriplet[]): void {
  const boxes = triplets.flatMap(({ subject, object }) => [
    boxElement(subject.box, "subject", subject.label.replaceAll("_", " ")),
    boxElement(object.box, "object", object.label.replaceAll("_", " ")),
  ]);
  overlay.replaceChildren(...boxes);
}
