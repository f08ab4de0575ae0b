/** What runs over the user's videos have in common: benchmarks, indexing. */

import type { ClipOptions } from "./types.js";

/** A file: whole, or as a handle of a folder that was opened, which is read only when its turn comes. */
export type ChosenFile = Blob | FileSystemFileHandle;

/** Files of a picker or a drop, or files by their path below the chosen folder ({@link filesOfFolder} gives them). */
export type ChosenFiles = readonly File[] | Readonly<Record<string, ChosenFile>>;

/** How videos are read. */
export interface VideosOptions extends ClipOptions {
  /** Whether texts are cleaned first; by default where the model's authors do, but not on the generated world. */
  readonly preText?: boolean | undefined;
  /** Ends the run with an {@link AbortedError}; what was embedded stays. */
  readonly signal?: AbortSignal | undefined;
}

/** A video that could not be used. */
export interface SkippedVideo {
  /** Its path, or its name in the data. */
  readonly video: string;
  /** The error's code. */
  readonly code: string;
  /** The error. */
  readonly reason: string;
}

/** How many videos are done. */
export interface VideosDone {
  /** Videos done, those that cannot be used included. */
  readonly done: number;
  /** Of so many. */
  readonly total: number;
}

/** What there is to do. */
export interface VideosStartEvent {
  /** Kind of event. */
  readonly type: "start";
  /** Videos to embed, or to take from what is kept. */
  readonly videos: number;
  /** Whether embeddings outlive the page; false where the browser keeps no files. */
  readonly lasting: boolean;
}

/** A video is done. */
export interface VideosVideoEvent extends VideosDone {
  /** Kind of event. */
  readonly type: "video";
  /** Its path, or its name in the data. */
  readonly video: string;
  /** Whether what was embedded of it was kept from before. */
  readonly kept: boolean;
}

/** The run waits, or goes on again. */
export interface VideosPauseEvent {
  /** Kind of event. */
  readonly type: "paused" | "resumed";
  /** Videos done. */
  readonly done: number;
}

/** Device or worker were lost; the engine was built again, and the run begins anew with what was kept. */
export interface VideosRecoveredEvent {
  /** Kind of event. */
  readonly type: "recovered";
  /** The error's code. */
  readonly code: string;
  /** The error. */
  readonly message: string;
}

/** A run: iterate it once to make it go. To leave the iteration gives it up. */
export interface VideosRun<T> extends AsyncIterable<T> {
  /** Waits before the next video; one that is being decoded is begun again later. */
  pause(): void;
  /** Goes on. */
  resume(): void;
}
