/** Runs that can go on: samples, the last checkpoint and what is known of them. */

import { createError } from "./errors.js";
import type { RunOptions } from "./fine_tune_samples.js";
import { type Shelf, openShelf, readJson, writeJson } from "./shelf.js";
import type { Notice } from "./types.js";
import type { MemoryPlan, UnfinishedRun } from "./types_fine_tune.js";

const SAMPLES = "samples.safetensors";
const STATE = "state.safetensors";
const ABOUT = "about.json";

/** What is known of a run beside its files. */
export interface AboutRun {
  /** What its adapter will be called. */
  name: string;
  /** Steps done at the checkpoint. */
  step: number;
  /** Steps in all. */
  steps: number;
  /** When the checkpoint was written. */
  saved: string;
  /** Fingerprint of its model. */
  baseSha256: string;
  /** Its options. */
  options: RunOptions;
  /** How it uses memory. */
  plan: MemoryPlan;
  /** Clips that it trains on. */
  clips: number;
}

/** The runs kept by this browser. */
export class RunStore {
  readonly #notice: (notice: Notice) => void;
  #shelf: Promise<Shelf> | null = null;

  /** `notice` hears where runs cannot be kept. */
  constructor(notice: (notice: Notice) => void) {
    this.#notice = notice;
  }

  #open(): Promise<Shelf> {
    this.#shelf ??= openShelf("runs", this.#notice);
    return this.#shelf;
  }

  /** Keeps the samples of a run that begins. */
  async keepSamples(run: string, samples: Uint8Array<ArrayBuffer>): Promise<void> {
    await (await this.#open()).write(run, SAMPLES, new Blob([samples]));
  }

  /** Keeps a checkpoint in place of the one before. */
  async keep(run: string, state: Uint8Array<ArrayBuffer>, about: AboutRun): Promise<void> {
    const shelf = await this.#open();
    await shelf.write(run, STATE, new Blob([state]));
    await writeJson(shelf, run, ABOUT, about);
  }

  /** Everything to go on from. */
  async load(run: string): Promise<{ samples: Uint8Array; state: Uint8Array; about: AboutRun }> {
    const shelf = await this.#open();
    const about = await readJson<AboutRun>(shelf, run, ABOUT);
    const [samples, state] = [await shelf.read(run, SAMPLES), await shelf.read(run, STATE)];
    if (!about || !samples || !state) {
      throw createError("invalid-input", `run ${run}: there is none to go on with; it came to its end or was deleted`);
    }
    return { about, samples: new Uint8Array(await samples.arrayBuffer()), state: new Uint8Array(await state.arrayBuffer()) };
  }

  /** Runs that can go on, the latest first. */
  async list(base: string): Promise<UnfinishedRun[]> {
    const shelf = await this.#open();
    const runs: UnfinishedRun[] = [];
    for (const run of await shelf.folders()) {
      const about = await readJson<AboutRun>(shelf, run, ABOUT);
      if (!about) continue;
      const { name, step, steps, saved, baseSha256 } = about;
      runs.push({ run, name, step, steps, saved, fitsBase: baseSha256 === base });
    }
    return runs.sort((a, b) => b.saved.localeCompare(a.saved));
  }

  /** Forgets a run. */
  async remove(run: string): Promise<void> {
    await (await this.#open()).remove(run);
  }
}
