/** The samples that were collected, and which of them are held out. */

import type { CaptionSample, ComparedPair, FineTuneSample } from "sgcr";
import { Cell } from "../cell.js";

/** A sample with what the list says of it. */
export interface Collected {
  /** Where it came from. */
  readonly title: string;
  /** What is learnt from it, in a line. */
  readonly says: string;
  /** The sample, without {@link FineTuneSample.heldOut}. */
  readonly sample: FineTuneSample;
  /** True: tested on, never trained on. */
  readonly heldOut: boolean;
}

/** Every fourth is held out, unless somebody says otherwise. */
const HOLD_OUT_EVERY = 4;

/** All samples, in the order they came. */
export const samples = new Cell<readonly Collected[]>([]);

/** Adds samples at the end. */
export function addSamples(added: readonly Omit<Collected, "heldOut">[]): void {
  const before = samples.value.length;
  const collected = added.map((one, i) => ({ ...one, heldOut: (before + i) % HOLD_OUT_EVERY === HOLD_OUT_EVERY - 1 }));
  samples.value = [...samples.value, ...collected];
}

/** Takes one away. */
export function removeSample(gone: Collected): void {
  samples.value = samples.value.filter((one) => one !== gone);
}

/** Holds one out, or takes it in. */
export function holdOut(changed: Collected, heldOut: boolean): void {
  samples.value = samples.value.map((one) => (one === changed ? { ...one, heldOut } : one));
}

/** What an engine is given. */
export function fineTuneSamples(): FineTuneSample[] {
  return samples.value.map(({ sample, heldOut }) => ({ ...sample, heldOut }));
}

/** A sample with captions, as against one with a graph. */
export function isCaptionSample(sample: FineTuneSample): sample is CaptionSample {
  return "caption" in sample;
}

/** The held-out pairs of captions, for tables of before and after. */
export function heldOutPairs(): ComparedPair[] {
  return samples.value.flatMap(({ sample, heldOut }) => {
    if (!heldOut || !isCaptionSample(sample) || sample.nearMisses.length === 0) return [];
    return [{ clip: sample.clip, caption: sample.caption, nearMisses: sample.nearMisses }];
  });
}

/** How many there are, in words. */
export function countInWords(): string {
  const all = samples.value.length;
  if (all === 0) return "None yet.";
  const held = samples.value.filter(({ heldOut }) => heldOut).length;
  return `${all}: ${all - held} to learn from, ${held} held out.`;
}
