/** The settings of a run, from the form. */

import type { FineTuneOptions, LoraTarget } from "sgcr";
import { element } from "../dom.js";

const number = (id: string): number => element(id, HTMLInputElement).valueAsNumber;

/** The options as they stand. */
export function fineTuneOptions(): FineTuneOptions {
  const upper = number("upper");
  const name = element("tune-name", HTMLInputElement).value.trim();
  return {
    steps: number("steps"),
    batch: number("batch"),
    rank: number("rank"),
    learningRate: number("rate"),
    dropout: number("dropout"),
    earlyStop: number("early"),
    seed: number("tune-seed"),
    towers: element("towers", HTMLSelectElement).value as "both" | "vision" | "text",
    sceneTokens: element("scene-tokens", HTMLInputElement).checked,
    targets: [element("targets", HTMLSelectElement).value as LoraTarget],
    ...(Number.isNaN(upper) ? {} : { upperBlocks: upper }),
    ...(name === "" ? {} : { name }),
  };
}

/** Whether every field holds what it may. */
export function optionsAreValid(): boolean {
  return element("tune-form", HTMLFormElement).checkValidity();
}
