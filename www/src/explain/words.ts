/** Labels as somebody types them, and as captions say them. */

import type { ExplainedTriplet } from "sgcr";

const WORLD_KINDS = ["fox", "bird", "fish", "rabbit", "robot", "ghost", "ball", "box", "star", "ring", "tree", "cup", "key"];
const WORLD_COLORS = ["red", "orange", "yellow", "green", "blue", "purple", "white", "black"];
const WORLD_THINGS = WORLD_KINDS.flatMap((kind) => WORLD_COLORS.map((color) => `${color} ${kind}`));

/** The labels of the generated world's things, told with their colours, as the shipped model learnt them. */
export const WORLD_ENTITIES = WORLD_THINGS.join(", ");

/** Those of them that captions of one clip name; all where they name none. */
export function castOf(captions: readonly string[]): string {
  const cast = WORLD_THINGS.filter((thing) => captions.some((text) => ` ${text.replaceAll(",", "")} `.includes(` ${thing} `)));
  return cast.length > 0 ? cast.join(", ") : WORLD_ENTITIES;
}

/** As {@link WORLD_ENTITIES}, for what they do. */
export const WORLD_PREDICATES =
  "push, kick, chase, follow, flee from, circle, touch, pick up, put down, carry, jump over, hide behind, enter, above, below, left of, right of, next to, inside";

/** Labels out of a text with commas; each once. */
export function parseLabels(text: string): string[] {
  const labels = text.split(/[,\n]/).map((label) => label.trim().replaceAll("_", " "));
  return [...new Set(labels.filter((label) => label !== ""))];
}

/** A triplet in words. */
export function sentence({ subject, predicate, object }: ExplainedTriplet): string {
  return [subject, predicate, object].map(({ label }) => label.replaceAll("_", " ")).join(" ");
}

/** Most letters that a form of a word has more than its stem ("push", "pushing"). */
const LONGEST_ENDING = 4;

/** Whether a word of a caption is a form of a label's word, by its beginning. */
function isForm(word: string, label: string): boolean {
  // "chase" and "chasing", "carry" and "carries".
  const stem = label.length > 3 ? label.replace(/[ey]$/, "") : label;
  return word.startsWith(stem) && word.length - stem.length <= LONGEST_ENDING;
}

/** Where a caption's words from `begin` on say a label: the positions of its words, in order. */
function positions(words: readonly string[], label: string, begin: number): number[] | null {
  const found: number[] = [];
  let at = begin;
  for (const part of label.toLowerCase().replaceAll("_", " ").split(" ")) {
    const next = words.findIndex((word, index) => index >= at && isForm(word, part));
    if (next < 0) return null;
    found.push(next);
    at = next + 1;
  }
  return found;
}

/** Which words of a caption say a triplet's parts, in the order subject, predicate, object; null where it does not say it. */
export function saidBy(
  caption: string,
  triplet: ExplainedTriplet,
): { subject: number[]; predicate: number[]; object: number[] } | null {
  const words = captionWords(caption).map((word) => word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ""));
  const subject = positions(words, triplet.subject.label, 0);
  const predicate = subject && positions(words, triplet.predicate.label, Math.max(...subject) + 1);
  const object = predicate && positions(words, triplet.object.label, Math.max(...predicate) + 1);
  return subject && predicate && object ? { subject, predicate, object } : null;
}

/** A caption's words as written. */
export function captionWords(caption: string): string[] {
  return caption.split(/\s+/).filter((word) => word !== "");
}
