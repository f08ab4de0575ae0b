/** Clips of the user's own videos, found by text. */

import type {
  ChosenFiles,
  SkippedVideo,
  VideosDone,
  VideosOptions,
  VideosPauseEvent,
  VideosRecoveredEvent,
  VideosRun,
  VideosStartEvent,
  VideosVideoEvent,
} from "./types_runs.js";

/** For {@link Searching.index}. */
export interface IndexOptions extends VideosOptions {
  /** Length of windows in seconds; 10 by default. */
  readonly window?: number | undefined;
  /** Seconds from a window's begin to the next one's, at most; half a window by default. */
  readonly step?: number | undefined;
  /** Whether videos are cut into scenes first (default), for which every frame is decoded. */
  readonly cuts?: boolean | undefined;
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

/** A video cannot be used; the others go on. */
export interface IndexSkippedEvent extends SkippedVideo, VideosDone {
  /** Kind of event. */
  readonly type: "skipped";
}

/** Every video was looked at. */
export interface IndexDoneEvent extends LibraryInfo {
  /** Kind of event. */
  readonly type: "done";
}

/** What a run reports. */
export type IndexEvent =
  | VideosStartEvent
  | IndexFramesEvent
  | VideosVideoEvent
  | IndexSkippedEvent
  | VideosPauseEvent
  | VideosRecoveredEvent
  | IndexDoneEvent;

/** A run that indexes. */
export type IndexRun = VideosRun<IndexEvent>;

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
