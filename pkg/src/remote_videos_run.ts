/** Runs over the user's videos in a worker, seen from the page: benchmarks, indexing. */

import { type SgcrError, toSgcrError } from "./errors.js";
import type { EngineEvent, RunCommand } from "./protocol.js";
import type { Along } from "./remote_call.js";
import { remoteEvents } from "./remote_events.js";
import { newId } from "./shelf.js";
import type { VideosRecoveredEvent, VideosRun } from "./types_runs.js";

/** What a run needs of its engine. */
export interface VideosRunCaller<T> {
  /** Starts the run in the worker of now; ends with it. */
  start(handle: string, along: Along): Promise<unknown>;
  /** What of a report is the run's; null for what is not. */
  pick(event: EngineEvent): T | null;
  /** Tells the run something. */
  command(handle: string, command: RunCommand): void;
  /** Builds the engine again after an error; rejects with that error where this cannot help. */
  recover(error: SgcrError): Promise<void>;
}

/** A run in a worker; in a new worker it begins anew with what was kept. */
export class RemoteVideosRun<T extends { readonly type: string }> implements VideosRun<T | VideosRecoveredEvent> {
  readonly #caller: VideosRunCaller<T>;
  readonly #handle = newId();
  readonly #signal: AbortSignal | undefined;

  constructor(caller: VideosRunCaller<T>, signal: AbortSignal | undefined) {
    this.#caller = caller;
    this.#signal = signal;
  }

  pause(): void {
    this.#caller.command(this.#handle, "pause");
  }

  resume(): void {
    this.#caller.command(this.#handle, "resume");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T | VideosRecoveredEvent, void, undefined> {
    let begun = false;
    let fault: SgcrError | null = null;
    for (;;) {
      try {
        for await (const event of this.#events()) {
          // The page was told how much there is to do.
          if (event.type === "start" && fault) continue;
          begun ||= event.type === "start";
          yield event;
        }
        return;
      } catch (thrown) {
        const error = toSgcrError(thrown);
        // Once: a device that is lost again has a reason.
        if (!begun || fault) throw error;
        await this.#caller.recover(error);
        fault = error;
        yield { type: "recovered", code: error.code, message: error.message };
      }
    }
  }

  #events(): AsyncGenerator<T, void, undefined> {
    const { start, pick } = this.#caller;
    return remoteEvents((along) => start(this.#handle, along), pick, this.#signal);
  }
}
