/** Waiting where one is told to: for runs that go from step to step, or from video to video. */

import { checkSignal, isAbort } from "./errors.js";

/** What a run reports while it waits, and when it goes on. */
type Waited<T> = T & { readonly type: "paused" | "resumed" };

/** A run's pause. What goes on between two pauses shares a signal, so that a pause calls all of it off. */
export class Pausing {
  /** Gives the run up. */
  readonly #given: AbortSignal | undefined;
  /** Resolves when the run may go on; null while it goes. */
  #pause: { promise: Promise<void>; end: () => void } | null = null;
  /** Fires at the next pause. */
  #next = new AbortController();
  #signal: AbortSignal;

  /** `given` gives the run up. */
  constructor(given: AbortSignal | undefined) {
    this.#given = given;
    this.#signal = this.#untilNext();
  }

  #untilNext(): AbortSignal {
    return this.#given ? AbortSignal.any([this.#given, this.#next.signal]) : this.#next.signal;
  }

  /** Whether the run is to wait. */
  get isPaused(): boolean {
    return this.#pause !== null;
  }

  /** Waits from now on; work that goes on is called off. */
  pause(): void {
    if (this.#pause) return;
    let end = (): void => {};
    const promise = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#pause = { promise, end };
    this.#next.abort();
  }

  /** Goes on. */
  resume(): void {
    if (!this.#pause) return;
    this.#pause.end();
    this.#pause = null;
    this.#next = new AbortController();
    this.#signal = this.#untilNext();
  }

  /** Calls off what goes on; for a run that is over. */
  end(): void {
    this.#next.abort();
  }

  /** Resolves when the run may go on, rejects when it is given up. */
  async wait(): Promise<void> {
    const given = this.#given;
    let onAbort = (): void => {};
    const aborted = new Promise<void>((resolve) => {
      onAbort = resolve;
      given?.addEventListener("abort", onAbort, { once: true });
    });
    // Called off and on again while an event was read, there is nothing to wait for.
    if (this.#pause && !given?.aborted) await Promise.race([this.#pause.promise, aborted]);
    given?.removeEventListener("abort", onAbort);
    checkSignal(given);
  }

  /** Waits and reports it; `about` says how far the run is. */
  async *waiting<T extends object>(about: T): AsyncGenerator<Waited<T>, void, undefined> {
    yield { ...about, type: "paused" };
    await this.wait();
    yield { ...about, type: "resumed" };
  }

  /** Work that a pause or an abort calls off by its signal; null where a pause did. */
  async attempt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    checkSignal(this.#given);
    const signal = this.#signal;
    try {
      return await work(signal);
    } catch (thrown) {
      if (isAbort(thrown) && signal.aborted && !this.#given?.aborted) return null;
      throw thrown;
    }
  }
}

/** Errors about one video, so that the others go on; the native program has the same list. */
const VIDEO_FAULTS: ReadonlySet<string> = new Set([
  "io",
  "missing-file",
  "corrupt-file",
  "no-frames",
  "decode",
  "unsupported-video",
  "invalid-input",
  "invalid-json",
]);

/** Whether an error is about one video. */
export function isTheVideos({ code }: { readonly code: string }): boolean {
  return VIDEO_FAULTS.has(code);
}

/** Seconds that so many more take, by the mean of those timed; null before the first. */
export function secondsLeft(milliseconds: readonly number[], more: number): number | null {
  const last = milliseconds.slice(-20);
  if (last.length === 0) return null;
  return (last.reduce((sum, time) => sum + time, 0) / last.length / 1000) * more;
}
