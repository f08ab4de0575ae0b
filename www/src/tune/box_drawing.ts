/** Boxes drawn over the paused clip with a pointer. Numbers beside the picture do the same by keyboard. */

import type { Box } from "sgcr";
import { element } from "../dom.js";
import { boxElement } from "../explain/overlay.js";

/** A shorter drag is a click. */
const LEAST = 0.01;

const overlay = element("overlay", HTMLDivElement);

/** A box to show. */
export interface ShownBox {
  /** Where. */
  readonly box: Box;
  /** What its tag says. */
  readonly label: string;
  /** The one that a drag changes. */
  readonly active: boolean;
}

const clamp = (part: number): number => Math.min(Math.max(part, 0), 1);

function position(event: PointerEvent): [number, number] {
  const { left, top, width, height } = overlay.getBoundingClientRect();
  return [clamp((event.clientX - left) / width), clamp((event.clientY - top) / height)];
}

/** A box from corner to corner. */
export function between([ax, ay]: readonly [number, number], [bx, by]: readonly [number, number]): Box {
  return [(ax + bx) / 2, (ay + by) / 2, Math.abs(bx - ax), Math.abs(by - ay)];
}

/** Shows boxes. */
export function showBoxes(boxes: readonly ShownBox[]): void {
  overlay.replaceChildren(
    ...boxes.map(({ box, label, active }) => boxElement(box, active ? "subject" : "object", label)),
  );
}

/** Lets a pointer draw for as long as the signal has not fired; hears the box as it grows. */
export function drawWithPointer(onBox: (box: Box) => void, signal: AbortSignal): void {
  overlay.classList.add("drawing");
  let from: [number, number] | null = null;
  overlay.addEventListener(
    "pointerdown",
    (event) => {
      from = position(event);
      overlay.setPointerCapture(event.pointerId);
      event.preventDefault();
    },
    { signal },
  );
  overlay.addEventListener(
    "pointermove",
    (event) => {
      if (!from) return;
      const box = between(from, position(event));
      if (box[2] >= LEAST && box[3] >= LEAST) onBox(box);
    },
    { signal },
  );
  for (const type of ["pointerup", "pointercancel"] as const)
    overlay.addEventListener(type, () => (from = null), { signal });
  signal.addEventListener("abort", () => {
    overlay.classList.remove("drawing");
    overlay.replaceChildren();
  });
}
