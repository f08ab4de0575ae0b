/** Benchmarks on the user's own files. */

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

/** Benchmarks by name; `sgcr eval` has the same. */
export type EvaluateTask =
  | "velociti"
  | "videocon"
  | "vitatecs"
  | "sugarcrepe"
  | "pairs"
  | "msrvtt"
  | "msvd"
  | "didemo"
  | "k400"
  | "world";

/** For {@link Evaluating.evaluate}. How clips are read is by default the model's, or what the benchmark's authors fix. */
export interface EvaluateOptions extends VideosOptions {
  /** The benchmark. */
  readonly task: EvaluateTask;
  /** Its annotation files (JSON, JSON lines, CSV, MSVD's pickle); none for "world". */
  readonly data?: ChosenFiles | undefined;
  /** Its videos, found by what rows call them; none for "world". */
  readonly videos?: ChosenFiles | undefined;
  /** Only the first samples (near misses), videos (retrieval, k400) or clips (world; 1000 by default). */
  readonly limit?: number | undefined;
  /** Split of rows that name one (VideoCon), or of the generated world; "test" by default. */
  readonly split?: string | undefined;
}

/** A row of the table; shares are 0 to 1. */
export interface EvaluationRow {
  /** Its name in files. */
  readonly name: string;
  /** Its name for people. */
  readonly title: string;
  /** Right answers. */
  readonly correct: number;
  /** Samples. */
  readonly total: number;
  /** Samples with equal scores. */
  readonly ties: number;
  /** Videos. */
  readonly videos: number;
  /** Share of right answers; `null` without samples. */
  readonly accuracy: number | null;
  /** Wilson's 95 % interval. */
  readonly wilson: readonly [low: number, high: number];
  /** The 95 % interval by errors clustered by video. */
  readonly by_video: readonly [low: number, high: number];
}

/** Results, as far as they are. */
export interface EvaluationTable {
  /** All samples first, then groups. */
  readonly rows: readonly EvaluationRow[];
  /** Other numbers by name: shares, but for those whose name ends in `_rank`; `null` for one that is not defined. */
  readonly metrics: Readonly<Record<string, number | null>>;
}

/** A video without results. */
export interface MissingVideo extends SkippedVideo {
  /** Samples that it takes with it. */
  readonly samples: number;
}

/** A sample that the model got wrong. */
export interface HardSample {
  /** The video. */
  readonly video: string;
  /** Its kind. */
  readonly kind: string;
  /** A frame that the model saw. */
  readonly frame: number;
  /** What was asked and answered, line by line. */
  readonly told: readonly string[];
}

/** What a run came to. */
export interface EvaluationResults extends EvaluationTable {
  /** `results.json`, the same that `sgcr eval` writes. */
  readonly document: string;
  /** Every sample, one JSON object a line. */
  readonly samples: string;
  /** Name of the file that the samples go into. */
  readonly samplesFile: string;
  /** The table in Markdown. */
  readonly markdown: string;
  /** Videos without results. */
  readonly missing: readonly MissingVideo[];
  /** Videos with fewer frames than the model takes. */
  readonly short: readonly { readonly video: string; readonly frame_count: number }[];
  /** The wrong answers, the most wrong first, twelve at most. */
  readonly hardest: readonly HardSample[];
}

/** The data was read. */
export interface EvaluateStartEvent extends VideosStartEvent {
  /** Captions to embed, or to take from what is kept. */
  readonly captions: number;
}

/** Captions were embedded. */
export interface EvaluateCaptionsEvent {
  /** Kind of event. */
  readonly type: "captions";
  /** So many. */
  readonly done: number;
  /** Of so many. */
  readonly total: number;
}

/** A video was embedded and its samples were answered. */
export interface EvaluateVideoEvent extends VideosVideoEvent {
  /** Seconds left, by those that were embedded; `null` while that is unknown. */
  readonly secondsLeft: number | null;
}

/** A video cannot be used; the others go on. */
export interface EvaluateMissingEvent extends MissingVideo, VideosDone {
  /** Kind of event. */
  readonly type: "missing";
}

/** The table so far, about once a second; retrieval has none before its end. */
export interface EvaluateTableEvent extends EvaluationTable {
  /** Kind of event. */
  readonly type: "table";
}

/** The run came to its end. */
export interface EvaluateDoneEvent extends EvaluationResults {
  /** Kind of event. */
  readonly type: "done";
}

/** What a run reports. */
export type EvaluateEvent =
  | EvaluateStartEvent
  | EvaluateCaptionsEvent
  | EvaluateVideoEvent
  | EvaluateMissingEvent
  | EvaluateTableEvent
  | VideosPauseEvent
  | VideosRecoveredEvent
  | EvaluateDoneEvent;

/** A run of a benchmark. */
export type EvaluationRun = VideosRun<EvaluateEvent>;

/** The part of an engine that evaluates. */
export interface Evaluating {
  /**
   * Measures the model, with the adapters in use, on a benchmark: the same samples, rules and `results.json` as
   * `sgcr eval`. Embeddings are kept by the browser, so that a run that was given up goes on where it was when it is
   * begun again with the same files. Files never leave the machine.
   *
   * @throws {@link SgcrError} "invalid-row", "invalid-json", "corrupt-file" for data that does not parse, "invalid-input"
   */
  evaluate(options: EvaluateOptions): EvaluationRun;
  /** Forgets every embedding that runs and searches kept. */
  forgetEmbeddings(): Promise<void>;
}
