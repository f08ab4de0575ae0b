/** What an engine says it sees in a clip. */

import type { VideoInput, VideoOptions } from "./types.js";

/** Words to choose from: any, the vocabulary is open. */
export interface ExplainLabels {
  /** For subjects and objects: "dog", "cat", … */
  readonly entities: readonly string[];
  /** For what they do: "chase", "next to", … */
  readonly predicates: readonly string[];
}

/** Centre x, centre y, width, height in parts of the frame's size, 0 to 1. */
export type Box = readonly [number, number, number, number];

/** A label and how sure the model is of it. */
export interface ExplainedLabel {
  /** The likeliest of the labels asked for. */
  readonly label: string;
  /** Its probability among all labels and "none". */
  readonly probability: number;
  /** Probability that it is none of them. */
  readonly none: number;
}

/** Who is meant, and where. */
export interface ExplainedEntity extends ExplainedLabel {
  /** Where in the clip's own frame (a rule that crops is accounted for). */
  readonly box: Box;
}

/** What one scene-graph token of a frame stands for. */
export interface ExplainedTriplet {
  /** Which of the frame's tokens. */
  readonly token: number;
  /** Product of the three labels' probabilities. */
  readonly score: number;
  /** Who. */
  readonly subject: ExplainedEntity;
  /** Does what. */
  readonly predicate: ExplainedLabel;
  /** To whom. */
  readonly object: ExplainedEntity;
}

/** One frame that the model saw. */
export interface ExplainedFrame {
  /** Its index in the clip; a short clip repeats frames. */
  readonly frame: number;
  /** When it is shown; `null` where the clip has no clock. */
  readonly seconds: number | null;
  /** One a token, the highest score first; empty where no labels were given. */
  readonly triplets: readonly ExplainedTriplet[];
}

/** Where one layer's CLS token looks: mean over its heads, the three add up to 1. */
export interface LayerShares {
  /** At itself. */
  readonly cls: number;
  /** At the scene-graph tokens of all frames. */
  readonly scene: number;
  /** At the patches of all frames. */
  readonly patch: number;
}

/** A clip explained. */
export interface Explanation {
  /** Width of the clip's frames in pixels. */
  readonly width: number;
  /** Height of the clip's frames in pixels. */
  readonly height: number;
  /** The frames that the model saw, in order. */
  readonly frames: readonly ExplainedFrame[];
  /** One entry a layer of the video encoder, the first layer first. */
  readonly attention: readonly LayerShares[];
}

/** The part of an engine that explains. */
export interface Explaining {
  /**
   * Reads the triplets that the clip's scene-graph tokens stand for, out of the labels given, and the shares of CLS's
   * attention. With `labels` null it tells the attention alone, which every ViCLIP can.
   *
   * @throws {@link SgcrError} "no-scene-tokens" for labels and a model without scene-graph tokens, "invalid-input" for
   * labels that are blank or given twice
   */
  explain(clip: VideoInput, labels: ExplainLabels | null, options?: VideoOptions): Promise<Explanation>;
}
