/** What page and worker say to each other. */

import type { EvaluateParams } from "./evaluate_run.js";
import type { RunStart } from "./fine_tune_run.js";
import type { RunOptions } from "./fine_tune_samples.js";
import type { IndexParams } from "./library_run.js";
import type {
  ClipEmbedding,
  ClipOptions,
  DeviceChoice,
  EngineInfo,
  MemoryUse,
  ModelSource,
  Notice,
  Progress,
  Scores,
  VideoInput,
  WorldClip,
} from "./types.js";
import type { AdapterFiles, AdapterInfo, AdapterWeights, ComparedChoice, ComparedPair, ImportOptions } from "./types_adapters.js";
import type { EvaluateEvent } from "./types_evaluate.js";
import type { ExplainLabels, Explanation } from "./types_explain.js";
import type { FineTuneEvent, MemoryPlan, UnfinishedRun } from "./types_fine_tune.js";
import type { IndexEvent, SearchHit } from "./types_search.js";

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

/** Reports of a call. */
export type EngineEvent =
  | { progress: Progress }
  | { notice: Notice }
  | { samples: readonly [done: number, total: number] }
  | { fineTune: FineTuneEvent }
  | { evaluate: EvaluateEvent }
  | { index: IndexEvent };

/** What a run can be told while it goes; runs over videos know no "stop". */
export type RunCommand = "pause" | "resume" | "stop";

/** The engine's methods across the worker. */
export interface EngineProtocol {
  /** Loads module and model. */
  open: { params: OpenParams; result: EngineInfo; event: EngineEvent };
  /** See {@link Engine.encodeVideo}. */
  encodeVideo: { params: { input: VideoInput; options: ClipOptions }; result: ClipEmbedding; event: EngineEvent };
  /** See {@link Engine.encodeText}. */
  encodeText: { params: { captions: readonly string[] }; result: Float32Array[]; event: EngineEvent };
  /** See {@link Engine.score}. */
  score: {
    params: { clip: ClipEmbedding | VideoInput; captions: readonly string[]; options: ClipOptions };
    result: Scores;
    event: EngineEvent;
  };
  /** See {@link Engine.explain}. */
  explain: {
    params: { input: VideoInput; labels: ExplainLabels | null; options: ClipOptions };
    result: Explanation;
    event: EngineEvent;
  };
  /** See {@link Engine.planFineTune}. */
  planFineTune: { params: { clips: number; options: RunOptions }; result: MemoryPlan; event: EngineEvent };
  /** See {@link Engine.fineTune}; its events come as events, `handle` is for {@link EngineProtocol.commandRun}. */
  fineTune: { params: { handle: string; start: RunStart; options: RunOptions }; result: null; event: EngineEvent };
  /** See {@link Engine.evaluate}; its events come as events, `handle` is for {@link EngineProtocol.commandRun}. */
  evaluate: { params: { handle: string; run: EvaluateParams }; result: null; event: EngineEvent };
  /** See {@link Engine.forgetEmbeddings}. */
  forgetEmbeddings: { params: null; result: null; event: EngineEvent };
  /** See {@link Engine.index}; as `evaluate`. */
  index: { params: { handle: string; run: IndexParams }; result: null; event: EngineEvent };
  /** See {@link Engine.search}. */
  search: { params: { texts: readonly string[]; top: number; overlapping: boolean }; result: SearchHit[][]; event: EngineEvent };
  /** Tells a run what to do. */
  commandRun: { params: { handle: string; command: RunCommand }; result: null; event: EngineEvent };
  /** See {@link Engine.unfinishedRuns}. */
  unfinishedRuns: { params: null; result: UnfinishedRun[]; event: EngineEvent };
  /** See {@link Engine.deleteRun}. */
  deleteRun: { params: { run: string }; result: null; event: EngineEvent };
  /** See {@link Adapters.list}. */
  listAdapters: { params: null; result: AdapterInfo[]; event: EngineEvent };
  /** See {@link Adapters.rename}. */
  renameAdapter: { params: { id: string; name: string }; result: null; event: EngineEvent };
  /** See {@link Adapters.delete}. */
  deleteAdapter: { params: { id: string }; result: null; event: EngineEvent };
  /** See {@link Adapters.use}. */
  useAdapters: { params: { weights: AdapterWeights }; result: null; event: EngineEvent };
  /** See {@link Adapters.compare}. */
  compareAdapters: {
    params: { pairs: readonly ComparedPair[]; choices: readonly AdapterWeights[] };
    result: ComparedChoice[];
    event: EngineEvent;
  };
  /** See {@link Adapters.export}. */
  exportAdapter: { params: { id: string }; result: AdapterFiles; event: EngineEvent };
  /** See {@link Adapters.import}. */
  importAdapter: {
    params: { files: readonly File[] | AdapterFiles; options: ImportOptions };
    result: AdapterInfo;
    event: EngineEvent;
  };
  /** See {@link Engine.worldClip}. */
  worldClip: { params: { seed: number }; result: WorldClip; event: EngineEvent };
  /** See {@link Engine.memory}. */
  memory: { params: null; result: MemoryUse; event: EngineEvent };
  /** See {@link Engine.dispose}. */
  dispose: { params: null; result: null; event: EngineEvent };
}
