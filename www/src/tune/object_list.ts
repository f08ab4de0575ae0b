/** The editor's list of objects: what each is, and where it is on a frame. */

import type { Box } from "sgcr";
import { make } from "../dom.js";
import { type DrawnObject, addObject, removeObject } from "./drawing.js";
import { type EditorSession, optionText } from "./editor_session.js";

const SIDES = ["centre x", "centre y", "width", "height"] as const;

function objectRow(open: EditorSession, object: DrawnObject, frame: number): HTMLElement {
  const name = make("input", {
    type: "text",
    "data-key": `label-${object.id}`,
    "aria-label": `Object ${object.id}`,
    placeholder: "what it is",
    autocomplete: "off",
    spellcheck: "false",
  });
  name.value = object.label;
  name.addEventListener("input", () => {
    object.label = name.value;
    open.redraw();
    for (const option of open.host.querySelectorAll(`option[value="${object.id}"]`))
      option.textContent = optionText(object);
  });
  const pick = make("input", {
    type: "radio",
    name: "active-object",
    "data-key": `pick-${object.id}`,
    "aria-label": `Draw the box of object ${object.id} with the pointer`,
  });
  pick.checked = object === open.active;
  const activate = (): void => {
    open.active = object;
    pick.checked = true;
    open.redraw();
  };
  pick.addEventListener("change", activate);
  name.addEventListener("focus", activate);
  const box = object.boxes.get(frame);
  const fields = SIDES.map((side, i) => {
    const field = make("input", {
      type: "number",
      min: "0",
      max: "100",
      step: "0.1",
      class: "part",
      "data-box": String(object.id),
      "data-key": `box-${object.id}-${i}`,
      "aria-label": `Object ${object.id}, ${side} in percent`,
      placeholder: side.replace("centre ", ""),
    });
    const part = box?.[i];
    field.value = part === undefined ? "" : (part * 100).toFixed(1);
    field.addEventListener("input", () => takeNumbers(open, object, frame));
    return field;
  });
  const remove = make(
    "button",
    { type: "button", class: "icon small", "aria-label": `Remove object ${object.id}` },
    "×",
  );
  remove.addEventListener("click", () => {
    removeObject(open.drawing, object);
    if (open.active === object) open.active = open.drawing.objects[0] ?? null;
    open.render();
    open.host.querySelector<HTMLElement>('[data-key="add-object"]')?.focus();
  });
  return make("div", { class: "object-row" }, pick, name, ...fields, remove);
}

/** All four numbers make a box; until then there is none. */
function takeNumbers(open: EditorSession, object: DrawnObject, frame: number): void {
  const fields = [...open.host.querySelectorAll<HTMLInputElement>(`[data-box="${object.id}"]`)];
  const [x, y, width, height] = fields.map((field) => (field.validity.valid ? field.valueAsNumber / 100 : Number.NaN));
  const complete = [x, y, width, height].every((part) => part !== undefined && Number.isFinite(part));
  if (complete && width && height) object.boxes.set(frame, [x ?? 0, y ?? 0, width, height]);
  else object.boxes.delete(frame);
  open.redraw();
}

/** The objects, each with its box on this frame. */
export function objectList(open: EditorSession, frame: number): HTMLElement {
  const add = make("button", { type: "button", "data-key": "add-object" }, "Add an object");
  add.addEventListener("click", () => {
    open.active = addObject(open.drawing);
    open.render();
    open.host.querySelector<HTMLElement>(`[data-key="label-${open.active.id}"]`)?.focus();
  });
  const rows = open.drawing.objects.map((object) => objectRow(open, object, frame));
  const hint = "Name an object and drag its box over the picture, or type centre and size in percent.";
  return make(
    "div",
    { role: "group", "aria-label": "Objects" },
    make("h3", {}, "Objects"),
    make("p", { class: "quiet" }, hint),
    ...rows,
    add,
  );
}

/** Shows where a drag has put an object. */
export function showNumbers(open: EditorSession, { id }: DrawnObject, box: Box): void {
  open.host.querySelectorAll<HTMLInputElement>(`[data-box="${id}"]`).forEach((field, i) => {
    const part = box[i];
    field.value = part === undefined ? "" : (part * 100).toFixed(1);
  });
}
