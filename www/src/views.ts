/** The views of the page, one at a time, each below an address of its own (`#/explain`). */

import { clip, engine } from "./app.js";
import { element, make } from "./dom.js";
import { clearErrors } from "./messages.js";

/** One view. What it shows lies in a section of its own beside the clip. */
export interface View {
  /** Its address. */
  readonly name: string;
  /** The words of its link. */
  readonly link: string;
  /** Its heading. */
  readonly title: string;
  /** What it is for, in a sentence or two. */
  readonly lead: string;
  /** Its HTML, put into the section before {@link View.mount}. */
  readonly html: string;
  /** Wires its elements; called once. */
  mount(): void;
  /** It has come into view, or the clip or the model changed while it was. */
  show(): void;
  /** Another view takes its place. */
  hide?(): void;
}

let views: readonly View[] = [];
let current: View | null = null;

const section = (view: View): HTMLElement => element(`view-${view.name}`, HTMLElement);

/** Puts all views into the page and shows the one that the address names, or the first. */
export function startViews(all: readonly View[]): void {
  views = all;
  const host = element("views", HTMLDivElement);
  const links = element("view-links", HTMLUListElement);
  for (const view of views) {
    const made = make("section", {
      id: `view-${view.name}`,
      class: "view",
      "aria-labelledby": "view-title",
      hidden: "",
    });
    made.innerHTML = view.html;
    host.append(made);
    links.append(make("li", {}, make("a", { href: addressOf(view) }, view.link)));
    view.mount();
  }
  const refresh = (): void => current?.show();
  clip.onChange(refresh);
  engine.onChange(refresh);
  addEventListener("hashchange", () => {
    const named = viewOfAddress();
    if (!named || named === current) return;
    enter(named);
    // As after the loading of a page: a screen reader tells where one is.
    element("view-title", HTMLHeadingElement).focus();
  });
  const first = viewOfAddress() ?? views[0];
  if (first) enter(first);
}

/** With a stroke, so that no element's id is meant: browsers would scroll to it. */
const addressOf = ({ name }: View): string => `#/${name}`;

const viewOfAddress = (): View | undefined => views.find((view) => addressOf(view) === location.hash);

function enter(view: View): void {
  current?.hide?.();
  current = view;
  // They were about something that is out of sight now.
  clearErrors();
  for (const other of views) section(other).hidden = other !== view;
  for (const link of document.querySelectorAll("#view-links a")) {
    if (link.getAttribute("href") === addressOf(view)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  element("view-title", HTMLHeadingElement).textContent = view.title;
  element("view-lead", HTMLParagraphElement).textContent = view.lead;
  document.title = `${view.title} · sgcr`;
  document.body.dataset["view"] = view.name;
  view.show();
}
