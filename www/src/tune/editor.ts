/** The small editor: boxes and relations on the frames of the clip shown that the model looks at. */

import { type Box, type ClipEmbedding, SgcrError } from "sgcr";
import { type Clip, clip, encode, engine, input, nameOf } from "../app.js";
import { element, make } from "../dom.js";
import { clearErrors, showError } from "../messages.js";
import { seek } from "../player.js";
import { work } from "../work.js";
import { drawWithPointer, showBoxes } from "./box_drawing.js";
import { addObject, copyFrame, emptyDrawing, toGraph } from "./drawing.js";
import type { EditorSession } from "./editor_session.js";
import { objectList, showNumbers } from "./object_list.js";
import { relationList } from "./relation_list.js";
import { addSamples } from "./samples.js";

let session: EditorSession | null = null;
/** Ends the drawing by pointer. */
let pointer: AbortController | null = null;

const host = (): HTMLDivElement => element("editor", HTMLDivElement);

/** Wires the editor. */
export function mountEditor(): void {
  element("edit", HTMLButtonElement).addEventListener("click", () => void open());
  clip.onChange(close);
}

/** The view is in sight again. */
export function showEditor(): void {
  if (session) render();
}

/** Another view takes the stage. */
export function hideEditor(): void {
  pointer?.abort();
  pointer = null;
}

function close(): void {
  hideEditor();
  session = null;
  host().hidden = true;
  element("edit", HTMLButtonElement).hidden = false;
}

async function open(): Promise<void> {
  const [using, of] = [engine.value, clip.value];
  clearErrors();
  if (!using || !of) {
    showError(new SgcrError("invalid-input", "there is no clip on the stage; draw one or choose a file"));
    return;
  }
  const embedding = await work((options) => encode(using, of, options));
  if (!embedding || clip.value !== of) return;
  const drawing = emptyDrawing();
  const active = addObject(drawing);
  session = { of, frames: framesOf(of, embedding), drawing, at: 0, active, host: host(), render, redraw };
  element("edit", HTMLButtonElement).hidden = true;
  render();
  host().querySelector<HTMLElement>(`[data-key="label-${active.id}"]`)?.focus();
}

function framesOf(of: Clip, { frameIndices, frameTimes }: ClipEmbedding): EditorSession["frames"] {
  const fps = of.kind === "world" ? of.world.fps : 1;
  const all = frameIndices.map((frame, i) => ({ frame, seconds: frameTimes[i] ?? frame / fps }));
  return all.filter(({ frame }, i) => frameIndices.indexOf(frame) === i);
}

/** Makes the editor anew after each change but typing. */
function render(): void {
  if (!session) return;
  const { frames, at } = session;
  const here = frames[at];
  if (!here) return;
  host().hidden = false;
  // A frame's time is its beginning; a hair later no browser shows the one before.
  seek({ seconds: here.seconds + 0.001, frame: here.frame });
  const parts = [
    frameBar(session),
    objectList(session, here.frame),
    relationList(session, here.frame),
    footer(session),
  ];
  const focused = focusKey();
  host().replaceChildren(...parts);
  restoreFocus(focused);
  pointer?.abort();
  pointer = new AbortController();
  drawWithPointer((box) => place(here.frame, box), pointer.signal);
  redraw();
}

/** Controls carry keys, so that focus survives a new rendering. */
const focusKey = (): string | null => document.activeElement?.getAttribute("data-key") ?? null;

function restoreFocus(key: string | null): void {
  if (key)
    host()
      .querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)
      ?.focus();
}

function redraw(): void {
  if (!session) return;
  const frame = session.frames[session.at]?.frame ?? 0;
  const { active } = session;
  showBoxes(
    session.drawing.objects.flatMap((object) => {
      const box = object.boxes.get(frame);
      return box ? [{ box, label: object.label || "?", active: object === active }] : [];
    }),
  );
}

/** A drag places the active object; its numbers follow. */
function place(frame: number, box: Box): void {
  if (!session?.active) return;
  session.active.boxes.set(frame, box);
  redraw();
  showNumbers(session, session.active, box);
}

function frameBar(open: EditorSession): HTMLElement {
  const buttons = open.frames.map(({ frame, seconds }, i) => {
    const drawn = open.drawing.relations.some((relation) => relation.frame === frame);
    const button = make(
      "button",
      { type: "button", "data-key": `frame-${i}`, "aria-pressed": String(i === open.at) },
      open.of.kind === "world" ? `${frame}` : `${seconds.toFixed(1)} s`,
    );
    if (drawn) button.append(make("span", { class: "dot", title: "has relations" }, " •"));
    button.addEventListener("click", () => {
      open.at = i;
      render();
    });
    return button;
  });
  const label = open.of.kind === "world" ? "Frame" : "Time";
  return make(
    "div",
    {},
    make("p", { class: "label" }, `${label}: the frames that the model looks at`),
    make("div", { class: "chips", role: "group", "aria-label": label }, ...buttons),
  );
}

function footer(open: EditorSession): HTMLElement {
  const previous = open.frames[open.at - 1];
  const here = open.frames[open.at];
  const copy = make("button", { type: "button", "data-key": "copy" }, "Copy from the frame before");
  copy.disabled = !previous;
  copy.addEventListener("click", () => {
    if (previous && here) copyFrame(open.drawing, previous.frame, here.frame);
    render();
  });
  const add = make("button", { type: "button", class: "primary", "data-key": "add-drawing" }, "Add as a sample");
  add.addEventListener("click", () => addDrawing(open));
  const leave = make("button", { type: "button" }, "Close without adding");
  leave.addEventListener("click", () => {
    close();
    element("edit", HTMLButtonElement).focus();
  });
  return make("div", { class: "row actions" }, copy, add, leave);
}

function addDrawing(open: EditorSession): void {
  clearErrors();
  const made = toGraph(open.drawing);
  if ("lacks" in made) {
    showError(new SgcrError("invalid-input", `the drawing is not complete: ${made.lacks}`));
    return;
  }
  const { frames } = made.graph;
  const says = frames.flatMap(({ triplets }) =>
    triplets.map(({ subject, predicate, object }) => `${subject.label} ${predicate} ${object.label}`),
  );
  const title = `${nameOf(open.of)}, drawn`;
  addSamples([{ title, says: [...new Set(says)].join("; "), sample: { clip: input(open.of), graph: made.graph } }]);
  close();
  element("samples-title", HTMLHeadingElement).focus();
}
