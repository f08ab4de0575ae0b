/** What the parts of the editor share. */

import type { Clip } from "../app.js";
import type { Drawing, DrawnObject } from "./drawing.js";

/** An editor that is open. */
export interface EditorSession {
  /** The clip that is drawn on. */
  readonly of: Clip;
  /** The frames that can be drawn on, each once: index and seconds. */
  readonly frames: readonly { readonly frame: number; readonly seconds: number }[];
  /** What is drawn. */
  readonly drawing: Drawing;
  /** Which of the frames. */
  at: number;
  /** The object that a drag places. */
  active: DrawnObject | null;
  /** Where the editor is in the page. */
  readonly host: HTMLElement;
  /** Makes the editor anew. */
  render(): void;
  /** Draws the boxes anew. */
  redraw(): void;
}

/** An object in a list to choose from. */
export const optionText = ({ id, label }: DrawnObject): string => `${label || "object"} (${id})`;
