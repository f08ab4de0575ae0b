/** View "Explain": the triplets that scene-graph tokens stand for, over the clip and over time, and where the model looks. */

import type { Engine, ExplainLabels, Explanation, Scores } from "sgcr";
import { type Clip, clip, encode, engine, input, weights } from "../app.js";
import { element, make } from "../dom.js";
import { moment, onMoment, seek } from "../player.js";
import { captions } from "../score/caption_list.js";
import type { View } from "../views.js";
import { work } from "../work.js";
import { showAttention } from "./attention_plot.js";
import { showPair } from "./caption_pair.js";
import html from "./explain.html";
import { drawBoxes, momentOf, nearest, shown } from "./overlay.js";
import { markColumn, rowsOf, tripletTable } from "./triplet_table.js";
import { WORLD_ENTITIES, WORLD_PREDICATES, castOf, parseLabels, sentence } from "./words.js";

/** The view. */
export const explainView: View = {
  name: "explain",
  link: "Explain",
  title: "What does it see?",
  lead: "A model with scene-graph tokens says, frame by frame, who does what to whom, and where. Type the words it may use, and see whether its reasons hold.",
  html,
  mount,
  show,
  hide() {
    visible = false;
    drawBoxes([]);
  },
};

/** What is shown, and for what it was made: another clip, model, wording or pair of captions makes it stale. */
interface Result {
  readonly of: Clip;
  readonly by: Engine;
  readonly asked: string;
  readonly explanation: Explanation;
  readonly scores: Scores | null;
}

let visible = false;
let result: Result | null = null;
let column = -1;
let offered = "";

const hasTokens = (): boolean => engine.value !== null && engine.value.info.sceneTokens !== "none";
const threshold = (): number => element("threshold", HTMLInputElement).valueAsNumber;
const status = (text: string): void => void (element("scene-status", HTMLParagraphElement).textContent = text);

function mount(): void {
  useLabels(WORLD_ENTITIES);
  element("world-labels", HTMLButtonElement).addEventListener("click", () => {
    useLabels(WORLD_ENTITIES);
    void explain();
  });
  element("clip-labels", HTMLButtonElement).addEventListener("click", () => {
    useLabels(clipsLabels());
    void explain();
  });
  element("labels-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void explain();
  });
  for (const id of ["entities", "predicates"]) {
    element(id, HTMLTextAreaElement).addEventListener("keydown", (event) => {
      // A list is one line; Enter explains, as in any form.
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      void explain();
    });
  }
  element("threshold", HTMLInputElement).addEventListener("input", showResult);
  onMoment(() => visible && showNow(false));
}

function useLabels(entities: string): void {
  offered = entities;
  element("entities", HTMLTextAreaElement).value = entities;
  element("predicates", HTMLTextAreaElement).value = WORLD_PREDICATES;
}

/** Of a drawn clip, those of its cast: among few words a small model finds the right ones. */
function clipsLabels(): string {
  return clip.value?.kind === "world" ? castOf(clip.value.world.captions) : WORLD_ENTITIES;
}

function show(): void {
  visible = true;
  showEmpty();
  element("clip-labels", HTMLButtonElement).hidden = clip.value?.kind !== "world";
  // What somebody typed stays.
  if (result?.of !== clip.value && element("entities", HTMLTextAreaElement).value === offered) useLabels(clipsLabels());
  if (!engine.value || !clip.value) return;
  if (result && result.of === clip.value && result.by === engine.value && result.asked === asked()) showResult();
  else void explain();
}

/** Says why there is nothing to see yet. */
function showEmpty(): void {
  const empty = element("scene-empty", HTMLDivElement);
  const lacking = engine.value !== null && !hasTokens();
  empty.hidden = !lacking;
  element("labels-form", HTMLFormElement).hidden = lacking;
  if (!lacking) return;
  empty.replaceChildren(
    make("p", {}, make("strong", {}, "This model has no scene-graph tokens.")),
    make(
      "p",
      {},
      "There is nothing to put into words; below is what every model tells: where it looks, and which caption it takes.",
    ),
    make(
      "p",
      { class: "quiet" },
      "Load a model that has them under “Use your own model”, or train them: ",
      make("code", {}, "sgcr train --base MODEL --scenes 4 --set scene_tokens.variant=literal"),
      ".",
    ),
  );
}

function labels(): ExplainLabels | null {
  if (!hasTokens()) return null;
  return {
    entities: parseLabels(element("entities", HTMLTextAreaElement).value),
    predicates: parseLabels(element("predicates", HTMLTextAreaElement).value),
  };
}

const pairOfCaptions = (): string[] =>
  captions()
    .filter((text) => text.trim() !== "")
    .slice(0, 2);
const asked = (): string => JSON.stringify([labels(), pairOfCaptions(), weights.value]);

async function explain(): Promise<void> {
  const using = engine.value;
  const of = clip.value;
  if (!using || !of) return;
  const words = labels();
  if (words && (words.entities.length === 0 || words.predicates.length === 0)) {
    status("Give at least one word of each kind.");
    return;
  }
  const question = asked();
  const pair = pairOfCaptions();
  status("Reading the clip…");
  const made = await work(async (options) => {
    const explanation = await using.explain(input(of), words, options);
    const scores = pair.length > 0 ? await using.score(await encode(using, of, options), pair, options) : null;
    return { explanation, scores };
  });
  if (clip.value !== of || engine.value !== using) return;
  if (!made) {
    status(result ? "" : "Not explained.");
    return;
  }
  result = { of, by: using, asked: question, ...made };
  showResult();
}

function showResult(): void {
  element("threshold-value", HTMLOutputElement).textContent = threshold().toFixed(2);
  if (!result) return;
  const { explanation, scores } = result;
  const tokens = hasTokens();
  element("scene-result", HTMLDivElement).hidden = !tokens;
  showAttention(explanation.attention);
  const least = threshold();
  const over = explanation.frames.flatMap(({ triplets }) => triplets.filter(({ score }) => score >= least));
  element("pair-panel", HTMLDivElement).hidden = scores === null;
  if (scores) showPair(scores, over, tokens);
  if (tokens) showTriplets(explanation);
  else status("");
}

function showTriplets({ frames }: Explanation): void {
  const host = element("triplets", HTMLDivElement);
  const { table, leftOut } = tripletTable(frames, threshold(), (wanted) => {
    const frame = frames[wanted];
    if (frame) seek(momentOf(frame));
  });
  const rows = table.tBodies[0]?.rows.length ?? 0;
  host.replaceChildren(table);
  element("scene-times", HTMLDivElement).hidden = rows === 0;
  const [best] = rowsOf(frames);
  const note = element("scene-note", HTMLParagraphElement);
  if (rows === 0 && best)
    note.textContent = `No triplet scores that much. The best is “${best.text}” with ${best.best.toPrecision(2)}; move the threshold down to see it.`;
  else note.textContent = leftOut > 0 ? `${leftOut} more below these in score.` : "";
  status(rows === 0 ? "Nothing from this score on." : `${rows + leftOut} triplets in ${frames.length} frames.`);
  showNow(true);
}

/** The boxes and the list of the frame that is next to where the player is. */
function showNow(always: boolean): void {
  if (!result || !hasTokens() || result.of !== clip.value) {
    drawBoxes([]);
    return;
  }
  const { frames } = result.explanation;
  const next = nearest(frames, moment());
  if (next === column && !always) return;
  column = next;
  const frame = frames[next];
  const triplets = frame ? shown(frame, threshold()) : [];
  drawBoxes(triplets);
  markColumn(element("triplets", HTMLDivElement), next);
  const items = triplets.map((triplet) => {
    const { subject, predicate, object, score } = triplet;
    const parts = [
      make("span", { class: "subject" }, subject.label),
      ` ${predicate.label.replaceAll("_", " ")} `,
      make("span", { class: "object" }, object.label),
    ];
    const item = make(
      "li",
      { title: sentence(triplet) },
      ...parts,
      make("span", { class: "quiet" }, ` ${score.toFixed(2)}`),
    );
    item.addEventListener("pointerenter", () => drawBoxes([triplet]));
    item.addEventListener("pointerleave", () => drawBoxes(triplets));
    return item;
  });
  element("now-list", HTMLUListElement).replaceChildren(
    ...(items.length > 0 ? items : [make("li", { class: "quiet" }, "nothing from this score on")]),
  );
}
