/** How much memory a run would take, before it starts. */

import type { MemoryPlan } from "sgcr";
import { engine } from "../app.js";
import { element, make } from "../dom.js";
import { toError } from "../messages.js";
import { fineTuneOptions, optionsAreValid } from "./options.js";
import { fineTuneSamples, samples } from "./samples.js";

/** Typing a number must not ask for a plan at each digit. */
const WAIT = 300;

let timer = 0;
let asked = 0;

const GIB = 2 ** 30;
const size = (bytes: number): string =>
  bytes >= GIB / 10 ? `${(bytes / GIB).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Asks for a plan, once the form rests. `allow` hears whether a run can start. */
export function planSoon(allow: (canStart: boolean, why: string) => void): void {
  clearTimeout(timer);
  timer = setTimeout(() => void plan(allow), WAIT);
}

async function plan(allow: (canStart: boolean, why: string) => void): Promise<void> {
  const box = element("plan", HTMLDivElement);
  const planning = engine.value;
  const mine = ++asked;
  if (!planning || samples.value.length === 0 || !optionsAreValid()) {
    box.hidden = true;
    const why = !planning
      ? "The model is not loaded yet."
      : samples.value.length === 0
        ? "Add samples first."
        : "A setting is out of range.";
    allow(false, why);
    return;
  }
  try {
    const made = await planning.planFineTune(fineTuneSamples(), fineTuneOptions());
    if (mine !== asked) return;
    showPlan(made);
    allow(made.fits, made.fits ? "" : "This does not fit.");
  } catch (thrown) {
    if (mine !== asked) return;
    box.hidden = true;
    allow(false, toError(thrown).message);
  }
}

/** Shows a plan. */
export function showPlan(made: MemoryPlan): void {
  const { fits, reason, bytes, limit, modelBytes, adapterBytes, stepBytes } = made;
  const box = element("plan", HTMLDivElement);
  box.hidden = false;
  box.classList.toggle("no", !fits);
  const whole = Math.max(bytes, limit ?? 0, 1);
  const parts = [
    ["model", modelBytes],
    ["adapter", adapterBytes],
    ["step", stepBytes],
  ] as const;
  const bars = parts.map(([name, part]) => {
    const bar = make("span", { class: name });
    bar.style.width = `${(part / whole) * 100}%`;
    return bar;
  });
  element("plan-bar", HTMLDivElement).replaceChildren(...bars);
  const shares = parts.map(([name, part]) => `${name} ${size(part)}`).join(", ");
  const why = `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`.replace(/\.?$/, ".");
  element("plan-text", HTMLParagraphElement).textContent =
    `${why} Of that, ${shares}; ${made.trainable.toLocaleString("en")} numbers train.`;
}
