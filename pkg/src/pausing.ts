/** Waiting where one is told to: for runs that go from video to video. */

import { checkSignal, isAbort } from "./errors.js";

/** A run's pause. */
export class Pausing {
  /** Resolves when the run may go on; null while it goes. */
  #pause: { promise: Promise<void>; end: () => void } | null = null;
  /** Of the work that goes on now. */
  #work: AbortController | null = null;

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
    this.#work?.abort();
  }

  /** Goes on. */
  resume(): void {
    this.#pause?.end();
    this.#pause = null;
  }

  /** Resolves when the run may go on, rejects when it is given up. */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    let onAbort = (): void => {};
    const aborted = new Promise<void>((resolve) => {
      onAbort = resolve;
      signal?.addEventListener("abort", onAbort, { once: true });
    });
    if (this.#pause && !signal?.aborted) await Promise.race([this.#pause.promise, aborted]);
    signal?.removeEventListener("abort", onAbort);
    checkSignal(signal);
  }

  /** Work that a pause or an abort calls off; null where a pause did. */
  async attempt<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    checkSignal(signal);
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#work = controller;
    try {
      return await work(controller.signal);
    } catch (thrown) {
      if (isAbort(thrown) && controller.signal.aborted && !signal?.aborted) return null;
      throw thrown;
    } finally {
      this.#work = null;
      signal?.removeEventListener("abort", abort);
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
