/** Options of calls and runs, parted for the module. */

import type { ClipOptions } from "./types.js";
import type { VideosOptions } from "./types_runs.js";

/** Of any options, how clips are read. */
export function clipOptions({ frames, sampling, resize, seed }: ClipOptions): ClipOptions {
  return { frames, sampling, resize, seed };
}

/** Options of a run as the module reads them and as they can be posted: its own, and in a place of their own those of clips. */
export type RunSettings<T extends VideosOptions> = Omit<T, keyof ClipOptions | "signal"> & { readonly clip: ClipOptions };

/** Parts a run's options; names that nobody knows stay, for the module to refuse. */
export function runSettings<T extends VideosOptions>(options: T): RunSettings<T> {
  const { frames, sampling, resize, seed, signal: _signal, ...own } = options;
  return { ...own, clip: { frames, sampling, resize, seed } };
}
