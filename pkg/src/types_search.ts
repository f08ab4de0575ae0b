/** Clips of the user's own videos, found by text. */

import type { ResizeRule, SamplingRule } from "./types.js";
import type { ChosenFiles } from "./types_evaluate.js";

/** For {@link Searching.index}. */
export interface IndexOptions {
  /** Length of windows in seconds; 10 by default. */
  readonly window?: number | undefined;
  /** Seconds from a window's begin to the next one's, at most; half a window by default. */
  readonly step?: number | undefined;
  /** Whether videos are cut into scenes first (default), for which every frame is decoded. */
  readonly cuts?: boolean | undefined;
  /** Frames a window is sampled to. */
  readonly frames?: number | undefined;
  /** Which frames. */
  readonly sampling?: SamplingRule | undefined;
  /** Resize rule. */
  readonly resize?: ResizeRule | undefined;
  /** Seed of sampling rule "rand". */
  readonly seed?: number | undefined;
  /** Whether texts are cleaned first; by default where the model's authors do. */
  readonly preText?: boolean | undefined;
  /** Ends the run with an {@link AbortedError}; what was embedded stays. */
  readonly signal?: AbortSignal | undefined;
}

/** A video that could not be used. */
export interface SkippedVideo {
  /** Its path. */
  readonly video: string;
  /** The error's code. */
  readonly code: string;
  /** The error. */
  readonly reason: string;
}

/** What can be searched. */
export interface LibraryInfo {
  /** Videos. */
  readonly videos: number;
  /** Of these, videos that were embedded now; the others' embeddings were kept. */
  readonly embedded: number;
  /** Clips: windows over scenes. */
  readonly clips: number;
  /** Videos that are not in it. */
  readonly skipped: readonly SkippedVideo[];
}

/** The files were looked through. */
export interface IndexStartEvent {
  /** Kind of event. */
  readonly type: "start";
  /** Videos to embed, or to take from what is kept. */
  readonly videos: number;
  /** Whether embeddings outlive the page; false where the browser keeps no files. */
  readonly lasting: boolean;
}

/** How far a video is. */
export interface IndexFramesEvent {
  /** Kind of event. */
  readonly type: "frames";
  /** Its path. */
  readonly video: string;
  /** What frames are decoded for: to find cuts, or to be embedded. */
  readonly stage: "cuts" | "windows";
  /** Frames so far. */
  readonly done: number;
  /** Of so many. */
  readonly total: number;
}

/** A video can be searched. */
export interface IndexVideoEvent {
  /** Kind of event. */
  readonly type: "video";
  /** Its path. */
  readonly video: string;
  /** Whether its embeddings were kept from before. */
  readonly kept: boolean;
  /** Videos done, skipped ones included. */
  readonly done: number;
  /** Of so many. */
  readonly total: number;
}

/** A video cannot be used; the others go on. */
export interface IndexSkippedEvent extends SkippedVideo {
  /** Kind of event. */
  readonly type: "skipped";
  /** Videos done, skipped ones included. */
  readonly done: number;
  /** Of so many. */
  readonly total: number;
}

/** The run waits, or goes on again. */
export interface IndexPauseEvent {
  /** Kind of event. */
  readonly type: "paused" | "resumed";
  /** Videos done. */
  readonly done: number;
}

/** Device or worker were lost; the engine was built again, and the run begins anew with what was kept. */
export interface IndexRecoveredEvent {
  /** Kind of event. */
  readonly type: "recovered";
  /** The error's code. */
  readonly code: string;
  /** The error. */
  readonly message: string;
}

/** Every video was looked at. */
export interface IndexDoneEvent extends LibraryInfo {
  /** Kind of event. */
  readonly type: "done";
}

/** What a run reports. */
export type IndexEvent =
  | IndexStartEvent
  | IndexFramesEvent
  | IndexVideoEvent
  | IndexSkippedEvent
  | IndexPauseEvent
  | IndexRecoveredEvent
  | IndexDoneEvent;

/** A run: iterate it once to make it go. To leave the iteration gives it up. */
export interface IndexRun extends AsyncIterable<IndexEvent> {
  /** Waits; a video that is being decoded is begun again later. */
  pause(): void;
  /** Goes on. */
  resume(): void;
}

/** A clip that was found. */
export interface SearchHit {
  /** The video's path. */
  readonly video: string;
  /** Its frames, counted from 0, the last one not included. */
  readonly frames: { readonly start: number; readonly end: number };
  /** Begin and end in seconds; `null` where the video has no clock. */
  readonly seconds: readonly [begin: number, end: number] | null;
  /** Cosine of clip and text. */
  readonly cosine: number;
}

/** For {@link Searching.search}. */
export interface SearchOptions {
  /** Clips for each text; 5 by default. */
  readonly top?: number | undefined;
  /** List clips that overlap better ones too. */
  readonly overlapping?: boolean | undefined;
  /** Ends the search with an {@link AbortedError}. */
  readonly signal?: AbortSignal | undefined;
}

/** The part of an engine that searches. */
export interface Searching {
  /**
   * Makes videos ready for {@link Searching.search}, in place of those before: cuts them into scenes, lays windows over
   * them, embeds each once. Embeddings are kept by the browser; files never leave the machine.
   */
  index(videos: ChosenFiles, options?: IndexOptions): IndexRun;
  /**
   * The clips nearest to each text, best first, of the videos that are indexed so far.
   *
   * @throws {@link SgcrError} "invalid-input" before any video was indexed, "empty-caption"
   */
  search(texts: readonly string[], options?: SearchOptions): Promise<SearchHit[][]>;
}
