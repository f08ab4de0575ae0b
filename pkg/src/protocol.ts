/** What page and worker say to each other. */

import type {
  ClipEmbedding,
  DeviceChoice,
  EngineInfo,
  MemoryUse,
  ModelSource,
  Notice,
  Progress,
  ResizeRule,
  SamplingRule,
  Scores,
  VideoInput,
  WorldClip,
} from "./types.js";

/** {@link EngineOptions} without what cannot be posted. */
export interface OpenParams {
  /** Model folder; an address is absolute. */
  model: Exclude<ModelSource, URL>;
  /** Compute device. */
  device: DeviceChoice;
  /** Keep downloaded weights. */
  cache: boolean;
  /** Address of the module. */
  wasmUrl: string | undefined;
}

/** {@link VideoOptions} without what cannot be posted. */
export interface VideoParams {
  /** Frames to use. */
  frames: number | undefined;
  /** Which frames. */
  sampling: SamplingRule | undefined;
  /** Resize rule. */
  resize: ResizeRule | undefined;
  /** Seed of "rand". */
  seed: number | undefined;
}

/** Reports of a call. */
export type EngineEvent = { progress: Progress } | { notice: Notice };

/** The engine's methods across the worker. */
export interface EngineProtocol {
  /** Loads module and model. */
  open: { params: OpenParams; result: EngineInfo; event: EngineEvent };
  /** See {@link Engine.encodeVideo}. */
  encodeVideo: { params: { input: VideoInput; options: VideoParams }; result: ClipEmbedding; event: EngineEvent };
  /** See {@link Engine.encodeText}. */
  encodeText: { params: { captions: readonly string[] }; result: Float32Array[]; event: EngineEvent };
  /** See {@link Engine.score}. */
  score: {
    params: { clip: ClipEmbedding | VideoInput; captions: readonly string[]; options: VideoParams };
    result: Scores;
    event: EngineEvent;
  };
  /** See {@link Engine.worldClip}. */
  worldClip: { params: { seed: number }; result: WorldClip; event: EngineEvent };
  /** See {@link Engine.memory}. */
  memory: { params: null; result: MemoryUse; event: EngineEvent };
  /** See {@link Engine.dispose}. */
  dispose: { params: null; result: null; event: EngineEvent };
}
