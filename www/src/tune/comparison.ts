/** Adapters side by side on the held-out pairs. */

import { type AdapterWeights, type ComparedChoice, SgcrError } from "sgcr";
import { engine } from "../app.js";
import { element, make } from "../dom.js";
import { signed, wholePercent } from "../format.js";
import { showError } from "../messages.js";
import { work } from "../work.js";
import { heldOutPairs } from "./samples.js";

/** Scores the held-out pairs without any adapter, and with each that fits the model alone. */
export async function compareAdapters(): Promise<void> {
  const using = engine.value;
  const pairs = heldOutPairs();
  if (!using) return;
  if (pairs.length === 0) {
    showError(new SgcrError("invalid-input", "there are no held-out pairs; add samples with near misses above"));
    return;
  }
  const compared = await work(async (options) => {
    const kept = (await using.adapters.list()).filter(({ fitsBase }) => fitsBase);
    const choices: AdapterWeights[] = [{}, ...kept.map(({ id }) => ({ [id]: 1 }))];
    return {
      names: ["No adapter", ...kept.map(({ name }) => name)],
      choices: await using.adapters.compare(pairs, choices, options),
    };
  });
  if (!compared) return;
  const host = element("comparison", HTMLDivElement);
  host.hidden = false;
  host.replaceChildren(table(compared.names, compared.choices, pairs.length));
}

function table(names: readonly string[], choices: readonly ComparedChoice[], pairs: number): HTMLTableElement {
  const head = ["Adapter", "Told apart", "Mean margin"].map((text) => make("th", { scope: "col" }, text));
  const rows = choices.map(({ accuracy, margin }, i) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, names[i] ?? ""),
      make("td", {}, wholePercent(accuracy)),
      make("td", {}, signed(margin)),
    ),
  );
  const caption = make("caption", {}, `On ${pairs} held-out pairs`);
  return make(
    "table",
    { class: "numbers-table" },
    caption,
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows),
  );
}
