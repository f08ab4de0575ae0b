/** A fine-tuning run in a worker, seen from the page: its events as they come, and going on in a new worker. */

import type { SgcrError } from "./errors.js";
import { toSgcrError } from "./errors.js";
import type { RunStart } from "./fine_tune_run.js";
import { runOptions } from "./fine_tune_samples.js";
import type { EngineEvent, RunCommand } from "./protocol.js";
import type { Along } from "./remote_call.js";
import { remoteEvents } from "./remote_events.js";
import { newId } from "./shelf.js";
import type { FineTuneEvent, FineTuneOptions, FineTuneRun } from "./types_fine_tune.js";

/** What a run needs of its engine. */
export interface RunCaller {
  /** Starts the run in the worker of now; ends with it. */
  start(params: { handle: string; start: RunStart; options: ReturnType<typeof runOptions> }, along: Along): Promise<void>;
  /** Tells the run something. */
  command(handle: string, command: RunCommand): void;
  /** Builds the engine again after an error; rejects with that error where this cannot help. */
  recover(error: SgcrError): Promise<void>;
}

/** A run in a worker. */
export class RemoteRun implements FineTuneRun {
  readonly #caller: RunCaller;
  readonly #handle = newId();
  readonly #options: FineTuneOptions;
  #start: RunStart;

  constructor(caller: RunCaller, start: RunStart, options: FineTuneOptions) {
    this.#caller = caller;
    this.#start = start;
    this.#options = options;
  }

  pause(): void {
    this.#caller.command(this.#handle, "pause");
  }

  resume(): void {
    this.#caller.command(this.#handle, "resume");
  }

  stop(): void {
    this.#caller.command(this.#handle, "stop");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<FineTuneEvent, void, undefined> {
    const options = runOptions(this.#options);
    let run: string | null = null;
    let fault: SgcrError | null = null;
    for (;;) {
      try {
        for await (const event of this.#events(options)) {
          if (event.type !== "start") yield event;
          else if (fault) yield recovered(event, fault);
          else {
            run = event.run;
            yield event;
          }
        }
        return;
      } catch (thrown) {
        const error = toSgcrError(thrown);
        // Once: a device that is lost again has a reason. A run that did not begin, or keeps nothing, cannot go on.
        if (run === null || fault || options.checkpointEvery === 0) throw error;
        await this.#caller.recover(error);
        fault = error;
        this.#start = { run, smaller: smallerAfter(error) };
      }
    }
  }

  #events(options: ReturnType<typeof runOptions>): AsyncGenerator<FineTuneEvent, void, undefined> {
    const { signal, onNotice, onSamples } = this.#options;
    const pick = (event: EngineEvent): FineTuneEvent | null => {
      if ("fineTune" in event) return event.fineTune;
      if ("notice" in event) onNotice?.(event.notice);
      else if ("samples" in event) onSamples?.(...event.samples);
      return null;
    };
    const params = { handle: this.#handle, start: this.#start, options };
    return remoteEvents((along) => this.#caller.start(params, along), pick, signal);
  }
}

function recovered(event: FineTuneEvent & { type: "start" }, fault: SgcrError): FineTuneEvent {
  return { type: "recovered", step: event.step, code: fault.code, message: fault.message, plan: event.plan };
}

/** A module that stopped may have had too little memory; it need not. */
function smallerAfter({ code }: SgcrError): "no" | "may" | "must" {
  if (code === "out-of-memory") return "must";
  return code === "crashed" || code === "worker" ? "may" : "no";
}
