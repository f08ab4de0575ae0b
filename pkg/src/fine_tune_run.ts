/** A fine-tuning run of an engine in this thread: pulls the module step by step, keeps checkpoints, waits where it is told to. */

import type { FineTune, FineTuneSamples } from "../wasm/sgcr.js";
import { EngineCrashedError, OutOfMemoryError, checkSignal, toSgcrError } from "./errors.js";
import { type RunOptions, checkSamples, readSamples, runOptions } from "./fine_tune_samples.js";
import { type Host, type StopFlag, stoppable } from "./host.js";
import type { LocalAdapters } from "./local_adapters.js";
import { Pausing } from "./pausing.js";
import type { AboutRun, RunStore } from "./run_store.js";
import { newId } from "./shelf.js";
import type {
  FineTuneEvent,
  FineTuneOptions,
  FineTuneRun,
  FineTuneSample,
  MemoryPlan,
  StepEvent,
  Validation,
} from "./types_fine_tune.js";

/** How a run begins: with samples, or from its last checkpoint, by its plan or a smaller one (which there may not be). */
export type RunStart = { samples: readonly FineTuneSample[] } | { run: string; smaller: "no" | "may" | "must" };

/** What a run needs of its engine. */
export interface RunHost extends Host {
  /** Where its adapter goes. */
  readonly adapters: LocalAdapters;
  /** Where its checkpoints go. */
  readonly runs: RunStore;
}

type Begun = { run: string; tune: FineTune; about: AboutRun };
type Step = Omit<StepEvent, "type" | "steps" | "milliseconds" | "secondsLeft">;

/** A run in this thread. */
export class LocalRun implements FineTuneRun {
  readonly #host: RunHost;
  readonly #start: RunStart;
  readonly #options: FineTuneOptions;
  readonly #pausing: Pausing;
  #stopped = false;

  constructor(host: RunHost, start: RunStart, options: FineTuneOptions) {
    this.#host = host;
    this.#start = start;
    this.#options = options;
    this.#pausing = new Pausing(options.signal);
  }

  pause(): void {
    this.#pausing.pause();
  }

  resume(): void {
    this.#pausing.resume();
  }

  stop(): void {
    this.#stopped = true;
    this.resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FineTuneEvent, void, undefined> {
    try {
      const { run, tune, about } = "samples" in this.#start ? await this.#begin(this.#start.samples) : await this.#goOn(this.#start);
      let owned = true;
      try {
        const { plan, steps } = about;
        yield { type: "start", run, plan, trained: tune.trained, heldOut: tune.heldOut, step: tune.stepsDone, steps };
        yield* this.#steps(run, tune, about);
        // Finished, it is the module's.
        owned = false;
        yield await this.#finish(run, tune);
      } catch (thrown) {
        // A module that stopped frees nothing any more.
        owned &&= !(thrown instanceof EngineCrashedError);
        throw thrown;
      } finally {
        if (owned) tune.free();
      }
    } catch (thrown) {
      throw toSgcrError(thrown);
    }
  }

  async #begin(samples: readonly FineTuneSample[]): Promise<Begun> {
    const { signal } = this.#options;
    checkSamples(samples);
    const options = runOptions(this.#options);
    const json = JSON.stringify(options);
    // Options that make no sense are told before clips are read.
    await this.#host.enqueue(signal, async (engine) => engine.planFineTune(samples.length, json));
    const read = await readSamples(this.#host, samples, this.#options);
    const clips = read.count;
    const run = newId();
    const kept = this.#options.checkpointEvery !== 0;
    const file = kept ? read.toFile() : null;
    const begun = await this.#host.enqueue(signal, async (engine) => {
      const plan = engine.planFineTune(clips, json) as MemoryPlan;
      if (!plan.fits) {
        read.free();
        throw new OutOfMemoryError(`fine-tuning does not fit: ${plan.reason}`);
      }
      const baseSha256 = await engine.fingerprint();
      return { tune: await engine.fineTune(read, json, JSON.stringify(plan)), plan, baseSha256 };
    });
    const { tune, plan, baseSha256 } = begun;
    const steps = (tune.options() as { steps: number }).steps;
    const about: AboutRun = { name: options.name ?? run, step: 0, steps, saved: "", baseSha256, options, plan, clips };
    if (file) {
      await this.#host.runs.keepSamples(run, file as Uint8Array<ArrayBuffer>);
      await this.#checkpoint(run, tune, about);
    }
    return { run, tune, about };
  }

  async #goOn({ run, smaller }: Extract<RunStart, { run: string }>): Promise<Begun> {
    const { samples, state, about } = await this.#host.runs.load(run);
    const options: RunOptions = { ...about.options };
    const limit = this.#options.memoryLimit ?? options.memoryLimit;
    const json = JSON.stringify({ ...options, memoryLimit: limit });
    const tune = await this.#host.enqueue(this.#options.signal, async (engine) => {
      let plan = about.plan;
      if (this.#options.memoryLimit !== undefined) plan = engine.planFineTune(about.clips, json) as MemoryPlan;
      if (smaller !== "no") {
        const next = engine.smallerPlan(about.clips, json, JSON.stringify(plan)) as MemoryPlan | undefined;
        if (!next && smaller === "must") throw new OutOfMemoryError(`the device has too little memory, and there is no smaller plan: ${plan.reason}`);
        plan = next ?? plan;
      }
      if (!plan.fits) throw new OutOfMemoryError(`fine-tuning does not fit: ${plan.reason}`);
      const read: FineTuneSamples = this.#host.wasm.FineTuneSamples.fromFile(samples);
      return engine.resumeFineTune(read, state, JSON.stringify(plan));
    });
    return { run, tune, about: { ...about, plan: tune.plan() as MemoryPlan } };
  }

  /** Tests, checkpoints and updates until the run comes to its end. */
  async *#steps(run: string, tune: FineTune, about: AboutRun): AsyncGenerator<FineTuneEvent, void, undefined> {
    const { steps } = about;
    const every = about.options.checkpointEvery ?? 10;
    const times: number[] = [];
    // A run that goes on tested the step of its checkpoint before it was written.
    let tested = tune.stepsDone > 0 ? tune.stepsDone : -1;
    for (;;) {
      checkSignal(this.#options.signal);
      if (this.#pausing.isPaused) yield* this.#pausing.waiting({ step: tune.stepsDone });
      const step = tune.stepsDone;
      if (tune.validationIsDue && tested !== step) {
        const validation = await this.#attempt((stop) => tune.validate(stop));
        if (!validation) continue;
        tested = step;
        yield { type: "validation", step, ...(validation as Validation & { best: boolean }) };
      }
      if (every > 0 && step > about.step && (step % every === 0 || tune.isFinished)) {
        await this.#checkpoint(run, tune, about);
        yield { type: "checkpoint", step };
      }
      if (tune.isFinished || tune.hasStalled || this.#stopped) return;
      const begin = performance.now();
      const report = await this.#attempt((stop) => tune.step(stop));
      if (!report) continue;
      times.push(performance.now() - begin);
      yield { type: "step", ...(report as Step), steps, milliseconds: times.at(-1) ?? 0, secondsLeft: left(times, steps - tune.stepsDone) };
    }
  }

  /** Work of the module that a pause or an abort ends between two blocks; null where a pause did. */
  #attempt(work: (stop: StopFlag) => Promise<unknown>): Promise<unknown> {
    const host = this.#host;
    return this.#pausing.attempt((signal) => host.enqueue(signal, () => stoppable(host.wasm, signal, work)));
  }

  async #checkpoint(run: string, tune: FineTune, about: AboutRun): Promise<void> {
    const state = await this.#host.enqueue(this.#options.signal, () => tune.state());
    about.step = tune.stepsDone;
    about.saved = new Date().toISOString();
    await this.#host.runs.keep(run, state as Uint8Array<ArrayBuffer>, about);
  }

  async #finish(run: string, tune: FineTune): Promise<FineTuneEvent> {
    const reason = tune.isFinished ? "finished" : tune.hasStalled ? "early-stop" : "stopped";
    const name = (tune.options() as { name: string }).name;
    const done = await this.#host.enqueue(this.#options.signal, () => tune.finish());
    try {
      const files = Object.fromEntries(done.names.map((file) => [file, new Blob([done.file(file) as Uint8Array<ArrayBuffer>])]));
      const { step, before, after, baseSha256 } = done.about() as {
        step: number;
        before: Validation;
        after: Validation;
        baseSha256: string | null;
      };
      const adapter = await this.#host.adapters.keep(name, files, baseSha256);
      await this.#host.runs.remove(run);
      return { type: "done", reason, adapter, step, before, after };
    } finally {
      done.free();
    }
  }
}

/** Seconds for so many more steps, by the median of the last ones: the first one compiles kernels. */
function left(times: readonly number[], steps: number): number {
  const last = times.slice(-9).sort((a, b) => a - b);
  return ((last[last.length >> 1] ?? 0) * steps) / 1000;
}
