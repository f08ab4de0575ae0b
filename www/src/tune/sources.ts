/** Where samples come from: many generated clips, the clip shown with captions or with an annotation. */

import { SgcrError, type WorldClip } from "sgcr";
import { clip, engine, input, nameOf } from "../app.js";
import { element, make } from "../dom.js";
import { clearErrors, showError } from "../messages.js";
import { type WorkOptions, work } from "../work.js";
import { type Collected, addSamples } from "./samples.js";

/** Kinds of near misses by VELOCITI's names. */
const KINDS: Readonly<Record<string, string>> = {
  agent_bind: "agent binding: who does it to whom",
  agent_random: "agent identification: who is in it",
  coref: "agent co-reference",
  action_adv: "action adversarial: what is done",
  action_bind: "action binding: who does what",
  action_manner: "action modifier: how it is done",
  chrono: "chronology: in which order",
};

/** Clips to look through for one that has such a near miss. */
const PATIENCE = 60;

interface Wanted {
  kind: string;
  word: string;
  count: number;
  seed: number;
}

type Added = Omit<Collected, "heldOut">;

function worldSample(seed: number, world: WorldClip, { kind, word }: Wanted): Added | null {
  const pair = world.nearMisses.find((miss) => miss.kind === kind && ` ${miss.fits} `.includes(word));
  if (!pair) return null;
  const sample = { clip: world.frames, caption: pair.fits, nearMisses: [pair.misses] };
  return { title: `Seed ${seed}`, says: `${pair.fits}; not: ${pair.misses}`, sample };
}

async function drawSamples(wanted: Wanted, { signal, onProgress }: WorkOptions): Promise<Added[]> {
  const added: Added[] = [];
  const { count, seed } = wanted;
  for (let next = seed; added.length < count && next < seed + count * PATIENCE; next++) {
    signal.throwIfAborted();
    const drawing = engine.value;
    if (!drawing) break;
    const sample = worldSample(next, await drawing.worldClip(next), wanted);
    if (sample) added.push(sample);
    onProgress({ stage: "draw", fraction: added.length / count, done: added.length, total: count });
  }
  return added;
}

async function addWorldSamples(): Promise<void> {
  const word = element("kind-word", HTMLInputElement).value.trim().toLowerCase();
  const seedInput = element("kind-seed", HTMLInputElement);
  const count = element("kind-count", HTMLInputElement).valueAsNumber;
  const wanted = { kind: element("kind", HTMLSelectElement).value, word, count, seed: seedInput.valueAsNumber };
  const added = await work((options) => drawSamples(wanted, options));
  if (!added) return;
  addSamples(added);
  // The next ones are others.
  const last = Number(added.at(-1)?.title.replace("Seed ", "") ?? wanted.seed);
  seedInput.value = String(last + 1);
  if (added.length < count) {
    const reason = `only ${added.length} of ${count * PATIENCE} clips have such a near miss${word ? ` with “${word}” in its caption` : ""}`;
    showError(new SgcrError("invalid-input", reason));
  }
}

/** The clip shown, for a sample; tells when there is none. */
function shownClip(): NonNullable<typeof clip.value> | null {
  clearErrors();
  if (!clip.value)
    showError(new SgcrError("invalid-input", "there is no clip on the stage; draw one or choose a file"));
  return clip.value;
}

function addCaptionSample(): void {
  const fits = element("fits", HTMLTextAreaElement);
  const misses = element("misses", HTMLTextAreaElement);
  const shown = shownClip();
  if (!shown) return;
  const caption = fits.value.trim();
  const nearMisses = misses.value
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (caption === "") {
    showError(new SgcrError("empty-caption", "a sample needs a caption that fits its clip"));
    fits.focus();
    return;
  }
  const says = nearMisses.length > 0 ? `${caption}; not: ${nearMisses.join("; ")}` : caption;
  addSamples([{ title: nameOf(shown), says, sample: { clip: input(shown), caption, nearMisses } }]);
}

async function addAnnotation(file: File | undefined): Promise<void> {
  const shown = shownClip();
  if (!shown || !file) return;
  const graph = await file.text();
  try {
    JSON.parse(graph);
  } catch (thrown) {
    showError(new SgcrError("corrupt-file", `${file.name} is no JSON: ${(thrown as Error).message}`));
    return;
  }
  addSamples([{ title: nameOf(shown), says: `annotation ${file.name}`, sample: { clip: input(shown), graph } }]);
}

/** A generated clip comes with captions and with a graph. */
function offerWorld(): void {
  const shown = clip.value;
  const world = shown?.kind === "world" ? shown.world : null;
  element("world-graph", HTMLButtonElement).hidden = !world;
  const pair = world?.nearMisses[0];
  element("fits", HTMLTextAreaElement).value = pair?.fits ?? "";
  element("misses", HTMLTextAreaElement).value = pair?.misses ?? "";
}

/** Wires the forms. */
export function mountSources(): void {
  const kinds = Object.entries(KINDS).map(([value, title]) => make("option", { value }, title));
  element("kind", HTMLSelectElement).append(...kinds);
  element("world-samples", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void addWorldSamples();
  });
  element("caption-sample", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    addCaptionSample();
  });
  const vidor = element("vidor", HTMLInputElement);
  vidor.addEventListener("change", async () => {
    await addAnnotation(vidor.files?.[0]);
    vidor.value = "";
  });
  element("world-graph", HTMLButtonElement).addEventListener("click", () => {
    const shown = clip.value;
    if (shown?.kind !== "world") return;
    const { graph, frames } = shown.world;
    addSamples([{ title: nameOf(shown), says: "its own scene graph", sample: { clip: frames, graph } }]);
  });
  clip.onChange(offerWorld);
}
