/** The editor's list of relations on a frame: who does what to whom. */

import { make } from "../dom.js";
import { type EditorSession, optionText } from "./editor_session.js";

function objectSelect(
  open: EditorSession,
  value: number,
  label: string,
  key: string,
  change: (id: number) => void,
): HTMLSelectElement {
  const options = open.drawing.objects.map((object) =>
    make("option", { value: String(object.id) }, optionText(object)),
  );
  const select = make("select", { "aria-label": label, "data-key": key }, ...options);
  select.value = String(value);
  select.addEventListener("change", () => change(Number(select.value)));
  return select;
}

/** The relations of a frame. */
export function relationList(open: EditorSession, frame: number): HTMLElement {
  const { drawing } = open;
  const rows = drawing.relations
    .filter((relation) => relation.frame === frame)
    .map((relation, i) => {
      const predicate = make("input", {
        type: "text",
        "aria-label": `Relation ${i + 1}, what is done`,
        "data-key": `predicate-${i}`,
        placeholder: "does what",
        autocomplete: "off",
        spellcheck: "false",
      });
      predicate.value = relation.predicate;
      predicate.addEventListener("input", () => (relation.predicate = predicate.value));
      const subject = objectSelect(
        open,
        relation.subject,
        `Relation ${i + 1}, who`,
        `subject-${i}`,
        (id) => (relation.subject = id),
      );
      const object = objectSelect(
        open,
        relation.object,
        `Relation ${i + 1}, to whom`,
        `object-${i}`,
        (id) => (relation.object = id),
      );
      const remove = make(
        "button",
        { type: "button", class: "icon small", "aria-label": `Remove relation ${i + 1}` },
        "×",
      );
      remove.addEventListener("click", () => {
        drawing.relations = drawing.relations.filter((other) => other !== relation);
        open.render();
        open.host.querySelector<HTMLElement>('[data-key="add-relation"]')?.focus();
      });
      return make("div", { class: "relation-row" }, subject, predicate, object, remove);
    });
  const add = make("button", { type: "button", "data-key": "add-relation" }, "Add a relation");
  add.disabled = drawing.objects.length < 2;
  add.addEventListener("click", () => {
    const [first, second] = drawing.objects;
    if (!first || !second) return;
    drawing.relations.push({ frame, subject: first.id, predicate: "", object: second.id });
    open.render();
  });
  return make(
    "div",
    { role: "group", "aria-label": "Relations on this frame" },
    make("h3", {}, "Relations on this frame"),
    ...rows,
    add,
  );
}
