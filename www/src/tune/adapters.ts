/** The adapters that this browser keeps: which are in use, and their files. */

import type { AdapterInfo, AdapterWeights } from "sgcr";
import { engine, weights } from "../app.js";
import { element, make } from "../dom.js";
import { attempt, work } from "../work.js";
import { adapterFiles, saveAdapter } from "./adapter_files.js";
import { compareAdapters } from "./comparison.js";

const LARGEST_WEIGHT = "2";

const status = (text: string): void => void (element("adapters-status", HTMLParagraphElement).textContent = text);
const size = (bytes: number): string =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** Puts adapters on the model in place of those before. */
export async function useAdapters(wanted: AdapterWeights): Promise<boolean> {
  const using = engine.value;
  if (!using) return false;
  const done = await work(async () => {
    await using.adapters.use(wanted);
    return true;
  });
  if (done && engine.value === using) weights.value = wanted;
  await refreshAdapters();
  return done === true;
}

/** Reads the list anew. */
export async function refreshAdapters(): Promise<void> {
  const using = engine.value;
  if (!using) return;
  const kept = await attempt(() => using.adapters.list());
  if (!kept || engine.value !== using) return;
  element("adapters-empty", HTMLParagraphElement).hidden = kept.length > 0;
  element("adapter-list", HTMLUListElement).replaceChildren(...kept.map(item));
  element("compare", HTMLButtonElement).disabled = kept.length === 0;
  const inUse = kept.filter(({ weight }) => weight !== 0).length;
  status(kept.length === 0 ? "" : inUse === 0 ? "None in use." : `${inUse} in use.`);
}

/** The choice with one adapter at another weight; 0 takes it off. */
function changed(id: string, weight: number): AdapterWeights {
  const rest = Object.entries(weights.value).filter(([other]) => other !== id);
  return Object.fromEntries(weight === 0 ? rest : [...rest, [id, weight]]);
}

function item(adapter: AdapterInfo): HTMLLIElement {
  const { id, name, created, bytes, fitsBase, weight } = adapter;
  const title = make("strong", {}, name);
  const facts = make(
    "span",
    { class: "quiet" },
    `${new Date(created).toLocaleString()}, ${size(bytes)}${fitsBase ? "" : ", of another model"}`,
  );
  const use = make("input", {
    type: "number",
    min: "0",
    max: LARGEST_WEIGHT,
    step: "0.1",
    value: String(weight),
    "aria-label": `Weight of ${name}; 0 is off`,
  });
  use.disabled = !fitsBase;
  use.addEventListener("change", async () => {
    if (!use.checkValidity()) return;
    await useAdapters(changed(id, use.valueAsNumber));
    focusIn(id, "input");
  });
  const action = (text: string, act: () => Promise<void>): HTMLButtonElement => {
    const button = make("button", { type: "button", "aria-label": `${text} ${name}` }, text);
    button.addEventListener("click", () => void act());
    return button;
  };
  const label = make("span", { class: "quiet" }, "Weight");
  const controls = make(
    "div",
    { class: "row" },
    label,
    use,
    action("Download", () => download(adapter)),
    action("Rename", () => rename(adapter)),
    action("Delete", () => remove(adapter)),
  );
  return make("li", { "data-adapter": id }, make("div", {}, title, " ", facts), controls);
}

/** The list is made anew at each change; focus stays where it was. */
function focusIn(id: string, control: string): void {
  document.querySelector<HTMLElement>(`[data-adapter="${CSS.escape(id)}"] ${control}`)?.focus();
}

async function remove({ id, name }: AdapterInfo): Promise<void> {
  const using = engine.value;
  if (!using || !confirm(`Delete the adapter “${name}”? Download it first to keep it.`)) return;
  await work(() => using.adapters.delete(id));
  weights.value = changed(id, 0);
  await refreshAdapters();
  element("adapters-title", HTMLHeadingElement).focus();
}

async function rename({ id, name }: AdapterInfo): Promise<void> {
  const using = engine.value;
  const wanted = prompt("Name of the adapter", name)?.trim();
  if (!using || !wanted) return;
  await work(() => using.adapters.rename(id, wanted));
  await refreshAdapters();
  focusIn(id, "button:nth-of-type(2)");
}

async function download({ id, name }: AdapterInfo): Promise<void> {
  const using = engine.value;
  if (!using) return;
  const files = await work(() => using.adapters.export(id));
  if (files) await saveAdapter(name, files);
}

async function importAdapter(chosen: readonly File[]): Promise<void> {
  const using = engine.value;
  const [first] = chosen;
  if (!using || !first) return;
  const name = first.name.replace(/\.(zip|json|safetensors)$/i, "").replace(/^adapter_(config|model)$/, "imported");
  const kept = await work(async () => using.adapters.import(await adapterFiles(chosen), { name }));
  await refreshAdapters();
  if (kept) status(`“${kept.name}” is imported.`);
}

/** Wires the panel. */
export function mountAdapters(): void {
  element("adapters-title", HTMLHeadingElement).tabIndex = -1;
  const chosen = element("import", HTMLInputElement);
  chosen.addEventListener("change", async () => {
    await importAdapter([...(chosen.files ?? [])]);
    chosen.value = "";
  });
  element("compare", HTMLButtonElement).addEventListener("click", () => void compareAdapters());
  element("compare", HTMLButtonElement).disabled = true;
}
