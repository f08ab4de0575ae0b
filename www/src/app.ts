/** What all views share: the engine, its model, the clip, and the clip as the model sees it. */

import type { AdapterWeights, CallOptions, ClipEmbedding, Engine, ModelSource, VideoInput, WorldClip } from "sgcr";
import { Cell } from "./cell.js";

/** The model that lies beside the page, so that it works below any path. */
export const SHIPPED = new URL("model/", document.baseURI).href;

/** What is shown and worked on. */
export type Clip =
  | { readonly kind: "world"; readonly seed: number; readonly world: WorldClip }
  | { readonly kind: "file"; readonly file: File };

/** The loaded model; null until there is one. */
export const engine = new Cell<Engine | null>(null);

/** Where the loaded model came from. */
export const model = new Cell<ModelSource>(SHIPPED);

/** The adapters on the model, by id, with their weights. */
export const weights = new Cell<AdapterWeights>({});

/** The clip on the stage. */
export const clip = new Cell<Clip | null>(null);

/** The clip's embedding by the loaded model; null until something needed it. */
export const encoded = new Cell<ClipEmbedding | null>(null);

/** A clip as engines take it. */
export function input(of: Clip): VideoInput {
  return of.kind === "world" ? of.world.frames : of.file;
}

/** A clip's name for people. */
export function nameOf(of: Clip): string {
  return of.kind === "world" ? `Generated, seed ${of.seed}` : of.file.name;
}

/** The shown clip's embedding: made once, for the model and clip at hand. */
export async function encode(using: Engine, shown: Clip, options: CallOptions): Promise<ClipEmbedding> {
  if (encoded.value && clip.value === shown && engine.value === using) return encoded.value;
  const embedding = await using.encodeVideo(input(shown), options);
  if (clip.value === shown && engine.value === using) encoded.value = embedding;
  return embedding;
}

engine.onChange(() => (encoded.value = null));
weights.onChange(() => (encoded.value = null));
clip.onChange(() => (encoded.value = null));
