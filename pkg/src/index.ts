/**
 * sgcr: how well captions fit a clip, in the page.
 *
 * ```ts
 * const engine = await createEngine({ model: "/models/viclip-b16/" });
 * const clip = await engine.encodeVideo(file);
 * const { captions } = await engine.score(clip, ["a dog chases a cat", "a cat chases a dog"]);
 * engine.dispose();
 * ```
 *
 * @module
 */

import type { Engine, EngineOptions } from "./types.js";

/**
 * Loads a model onto a device: in a worker of the library's own, unless told otherwise.
 *
 * @throws {@link SgcrError} by `code`: "fetch", "missing-file", "hash-mismatch", "device-unavailable", "self-test", …
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  if (options.worker === false) {
    const { LocalEngine } = await import("./local.js");
    return LocalEngine.open(options);
  }
  const { RemoteEngine } = await import("./remote.js");
  return RemoteEngine.open(options);
}

export {
  AbortedError,
  CorruptFileError,
  DecodeError,
  DeviceLostError,
  DeviceUnavailableError,
  DisposedError,
  EmptyCaptionError,
  EngineCrashedError,
  type ErrorCode,
  FetchError,
  HashMismatchError,
  InvalidInputError,
  MissingFileError,
  NoFramesError,
  OutOfMemoryError,
  SelfTestError,
  SgcrError,
  UnsupportedVideoError,
  WorkerError,
} from "./errors.js";
export { filesOfFolder } from "./chosen_files.js";
export { type Probe, type StorageProbe, type VideoProbe, type WebGpuProbe, probe } from "./probe.js";
export { type CachedFile, deleteCached, listCached } from "./storage.js";
export type {
  CallOptions,
  CaptionScore,
  ClipEmbedding,
  ClipOptions,
  DeviceChoice,
  Engine,
  EngineInfo,
  EngineOptions,
  MemoryUse,
  ModelSource,
  NearMiss,
  Notice,
  Progress,
  ResizeRule,
  SamplingRule,
  Scores,
  VideoInput,
  VideoOptions,
  WorldClip,
} from "./types.js";
export type {
  AdapterFiles,
  AdapterInfo,
  AdapterWeights,
  Adapters,
  Adapting,
  ComparedCell,
  ComparedChoice,
  ComparedPair,
  ImportOptions,
} from "./types_adapters.js";
export type {
  EvaluateCaptionsEvent,
  EvaluateDoneEvent,
  EvaluateEvent,
  EvaluateMissingEvent,
  EvaluateOptions,
  EvaluateStartEvent,
  EvaluateTableEvent,
  EvaluateTask,
  EvaluateVideoEvent,
  Evaluating,
  EvaluationResults,
  EvaluationRow,
  EvaluationRun,
  EvaluationTable,
  HardSample,
  MissingVideo,
} from "./types_evaluate.js";
export type {
  Box,
  ExplainLabels,
  ExplainedEntity,
  ExplainedFrame,
  ExplainedLabel,
  ExplainedTriplet,
  Explaining,
  Explanation,
  LayerShares,
} from "./types_explain.js";
export type {
  CaptionSample,
  CheckpointEvent,
  DoneEvent,
  DrawnEntity,
  DrawnFrame,
  DrawnGraph,
  DrawnTriplet,
  FineTuneEvent,
  FineTuneOptions,
  FineTuneRun,
  FineTuneSample,
  FineTuning,
  GraphSample,
  LoraTarget,
  MemoryPlan,
  PauseEvent,
  RecoveredEvent,
  SceneGraph,
  StartEvent,
  StepEvent,
  UnfinishedRun,
  Validation,
  ValidationEvent,
  VidorDocument,
} from "./types_fine_tune.js";
export type {
  ChosenFile,
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
export type {
  IndexDoneEvent,
  IndexEvent,
  IndexFramesEvent,
  IndexOptions,
  IndexRun,
  IndexSkippedEvent,
  LibraryInfo,
  SearchHit,
  SearchOptions,
  Searching,
} from "./types_search.js";
