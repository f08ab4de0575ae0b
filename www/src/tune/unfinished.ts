/** Runs that were aborted or cut off by a reload. */

import type { UnfinishedRun } from "sgcr";
import { engine } from "../app.js";
import { element, make } from "../dom.js";
import { attempt, work } from "../work.js";

/** Lists the runs that can go on. */
export async function refreshUnfinished(goOn: (run: string) => void): Promise<void> {
  const using = engine.value;
  if (!using) return;
  const runs = await attempt(() => using.unfinishedRuns());
  if (!runs || engine.value !== using) return;
  element("unfinished", HTMLDivElement).replaceChildren(...runs.map((run) => card(run, goOn)));
}

function card({ run, name, step, steps, saved, fitsBase }: UnfinishedRun, goOn: (run: string) => void): HTMLElement {
  const when = new Date(saved).toLocaleString();
  const text = make(
    "p",
    {},
    `“${name}” stopped after step ${step} of ${steps} (${when})${fitsBase ? "" : ", on another model"}.`,
  );
  const resume = make("button", { type: "button", "aria-label": `Go on with ${name}` }, "Go on");
  resume.disabled = !fitsBase;
  resume.addEventListener("click", () => goOn(run));
  const forget = make("button", { type: "button", "aria-label": `Forget ${name}` }, "Forget");
  forget.addEventListener("click", async () => {
    const using = engine.value;
    if (!using) return;
    await work(() => using.deleteRun(run));
    await refreshUnfinished(goOn);
    element("plan-title", HTMLHeadingElement).focus();
  });
  return make("div", { class: "unfinished" }, text, make("div", { class: "row" }, resume, forget));
}
