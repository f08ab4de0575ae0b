/** Fine-tuning in the page: samples, options, plan, events. */

import type { Box } from "./types_explain.js";
import type { Notice, VideoInput } from "./types.js";

/** A clip with a caption that fits it. */
export interface CaptionSample {
  /** The clip. */
  readonly clip: VideoInput;
  /** What happens in it. */
  readonly caption: string;
  /** Captions that nearly fit; more than none teaches most. */
  readonly nearMisses: readonly string[];
  /** True: tested on, never trained on. Left out: by chance, see {@link FineTuneOptions.validationShare}. */
  readonly heldOut?: boolean | undefined;
}

/** A clip with its scene graph: teaches the text branch (graphs in words) and the scene-graph tokens (triplets, boxes). */
export interface GraphSample {
  /** The clip. */
  readonly clip: VideoInput;
  /** Its graph. */
  readonly graph: SceneGraph;
  /** As {@link CaptionSample.heldOut}. */
  readonly heldOut?: boolean | undefined;
}

/** What a run learns from. */
export type FineTuneSample = CaptionSample | GraphSample;

/** A document in VidOR's or VidVRD's layout (parsed, or its text), or what somebody drew. `WorldClip.graph` is one, too. */
export type SceneGraph = string | VidorDocument | DrawnGraph;

/** VidOR's layout; frames are counted from 0, boxes are in pixels. */
export interface VidorDocument {
  /** There in VidOR, absent in VidVRD. */
  readonly version?: string;
  /** Name. */
  readonly video_id: string;
  /** Frames. */
  readonly frame_count: number;
  /** Frames a second. */
  readonly fps: number;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
  /** Objects. */
  readonly "subject/objects": readonly { readonly tid: number; readonly category: string }[];
  /** Boxes, frame by frame. */
  readonly trajectories: readonly (readonly {
    readonly tid: number;
    readonly bbox: { readonly xmin: number; readonly ymin: number; readonly xmax: number; readonly ymax: number };
  }[])[];
  /** Relations; `end_fid` is the first frame after. */
  readonly relation_instances: readonly {
    readonly subject_tid: number;
    readonly object_tid: number;
    readonly predicate: string;
    readonly begin_fid: number;
    readonly end_fid: number;
  }[];
}

/** Boxes and triplets drawn on some frames of a clip; the run sees these frames alone. */
export interface DrawnGraph {
  /** At least one, in any order. */
  readonly frames: readonly DrawnFrame[];
}

/** What was drawn on one frame. */
export interface DrawnFrame {
  /** Index of the frame in the clip, counted from 0 in the order they are shown. */
  readonly frame: number;
  /** At least one over all frames. */
  readonly triplets: readonly DrawnTriplet[];
}

/** Who does what to whom. */
export interface DrawnTriplet {
  /** Who. */
  readonly subject: DrawnEntity;
  /** Does what. */
  readonly predicate: string;
  /** To whom. */
  readonly object: DrawnEntity;
}

/** Somebody or something, and where. */
export interface DrawnEntity {
  /** What it is. */
  readonly label: string;
  /** Tells two of one label apart; the same over frames. Left out: there is one of this label. */
  readonly id?: number | undefined;
  /** Where, as in {@link ExplainedEntity.box}. */
  readonly box: Box;
}

/**
 * Which linear maps get adapters. For every model: "attn" for the projections of an attention, "mlp" for the maps of an MLP,
 * "all-linear" for all of them. Or a last part of a path ("in_proj", "mlp.c_fc"; of InternVideo2 "attn.qkv"), or a path.
 */
export type LoraTarget = "all-linear" | "attn" | "mlp" | "in_proj" | "out_proj" | "c_fc" | "c_proj" | (string & {});

/** How a run goes. The defaults are for some dozens of samples. */
export interface FineTuneOptions {
  /** Ends the run between two blocks of the model with an {@link AbortedError}; its last checkpoint stays. */
  readonly signal?: AbortSignal | undefined;
  /** Hears what the user should know. */
  readonly onNotice?: ((notice: Notice) => void) | undefined;
  /** Hears how far reading the clips is: clips read, clips in all. */
  readonly onSamples?: ((done: number, total: number) => void) | undefined;
  /** What the adapter will be called; "adapter" and the date by default. */
  readonly name?: string | undefined;
  /** Rows of A, columns of B; 8. */
  readonly rank?: number | undefined;
  /** Scale: what the adapter adds is multiplied by alpha / rank; twice the rank. */
  readonly alpha?: number | undefined;
  /** Share of an adapter's inputs that is zeroed while training; 0. */
  readonly dropout?: number | undefined;
  /** Which linear maps; all of the model's attentions and MLPs ("all-linear"). */
  readonly targets?: readonly LoraTarget[] | undefined;
  /** In which encoders; "both". */
  readonly towers?: "vision" | "text" | "both" | undefined;
  /** Only the last so many blocks of each encoder; all. */
  readonly upperBlocks?: number | undefined;
  /**
   * Scene-graph tokens and heads: true trains the model's own, or puts fresh ones on a model without; false (the default)
   * leaves them as they are.
   */
  readonly sceneTokens?: boolean | undefined;
  /** Weight of the loss of the scene-graph tokens (L_VSG); 0.1. */
  readonly sceneWeight?: number | undefined;
  /** Updates; 60. */
  readonly steps?: number | undefined;
  /** Clips a step; 8, or all where there are fewer. */
  readonly batch?: number | undefined;
  /** Highest learning rate: it warms up over a tenth of the steps and falls to 0 along a cosine; 1e-3. */
  readonly learningRate?: number | undefined;
  /** Decay of the adapter's factors; 0.01. */
  readonly weightDecay?: number | undefined;
  /** What everything random follows from; 0. */
  readonly seed?: number | undefined;
  /** Share of the samples (of those that do not say) that is held out to test on; 0.25. */
  readonly validationShare?: number | undefined;
  /** Steps between two tests on the held-out samples; 10. */
  readonly validateEvery?: number | undefined;
  /** Tests in a row without a better result after which the run ends; 0, the default, never ends it. */
  readonly earlyStop?: number | undefined;
  /** Steps between two checkpoints in the browser's storage; 10. 0: none, and a reload loses the run. */
  readonly checkpointEvery?: number | undefined;
  /** Bytes that the device may take for the whole of it; what the device allows by default. */
  readonly memoryLimit?: number | undefined;
}

/** How much memory a run takes, and how it is cut so that it fits. */
export interface MemoryPlan {
  /** Whether it fits. A run that does not is refused with an {@link OutOfMemoryError}. */
  readonly fits: boolean;
  /** The plan, or why there is none, in a sentence for people. */
  readonly reason: string;
  /** Estimated bytes on the device at the peak. */
  readonly bytes: number;
  /** What they are held against; `null` where nobody knows. */
  readonly limit: number | null;
  /** Of the bytes, those of the model. */
  readonly modelBytes: number;
  /** Of the bytes, those of the adapter, its gradients and moments. */
  readonly adapterBytes: number;
  /** Of the bytes, those of a step's forward and backward pass. */
  readonly stepBytes: number;
  /** Bytes of the largest single tensor. */
  readonly largestBuffer: number;
  /** What the device allows a single one; `null` where nobody knows. */
  readonly largestBufferLimit: number | null;
  /** Numbers that train. */
  readonly trainable: number;
  /** Whether blocks are computed again in the backward pass. */
  readonly recompute: boolean;
  /** Clips at once; the result is that of the whole batch. */
  readonly microBatch: number;
  /** Blocks of each encoder that get adapters; `null` for all. Fewer than asked for where memory is short. */
  readonly upperBlocks: number | null;
}

/** How the held-out samples fare. */
export interface Validation {
  /** Share of comparisons (a caption with a near miss) that come out right; `null` without any. */
  readonly accuracy: number | null;
  /** Mean of the right caption's cosine less the near miss's; `null` without any. */
  readonly margin: number | null;
  /** Comparisons. */
  readonly comparisons: number;
}

/** The first event: what will be done. */
export interface StartEvent {
  /** Which event. */
  readonly type: "start";
  /** The run, for {@link FineTuning.resumeFineTune}. */
  readonly run: string;
  /** How memory is used. */
  readonly plan: MemoryPlan;
  /** Samples that are trained on. */
  readonly trained: number;
  /** Samples that are held out. */
  readonly heldOut: number;
  /** Steps done before: above 0 for a run that goes on. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
}

/** An update was made. */
export interface StepEvent {
  /** Which event. */
  readonly type: "step";
  /** Which step, counted from 1. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** What is minimised. */
  readonly loss: number;
  /** Its contrastive part; `null` where no sample has captions. */
  readonly contrastive: number | null;
  /** L_TSG^R: graphs in words against their near misses; `null` without graphs. */
  readonly triplets: number | null;
  /** L_TSG^T: the order of events; `null` without graphs. */
  readonly order: number | null;
  /** L_VSG: what scene-graph tokens stand for, before its weight; `null` without graphs or tokens. */
  readonly scene: number | null;
  /** The step's learning rate. */
  readonly learningRate: number;
  /** Norm of the gradient before it is shortened. */
  readonly gradientNorm: number;
  /** Whether it was left out because a number was not finite. */
  readonly skipped: boolean;
  /** Milliseconds it took. */
  readonly milliseconds: number;
  /** Seconds that are left, by the steps so far. */
  readonly secondsLeft: number;
}

/** The held-out samples were tested: before the first step, and every so many steps. */
export interface ValidationEvent extends Validation {
  /** Which event. */
  readonly type: "validation";
  /** Steps done. */
  readonly step: number;
  /** Whether it is the best so far; the adapter of the best test is kept. */
  readonly best: boolean;
}

/** A reload from here on loses nothing up to this step. */
export interface CheckpointEvent {
  /** Which event. */
  readonly type: "checkpoint";
  /** Steps done. */
  readonly step: number;
}

/** The run waits, or goes on. */
export interface PauseEvent {
  /** Which event. */
  readonly type: "paused" | "resumed";
  /** Steps done. */
  readonly step: number;
}

/** The device failed; the engine was built again and the run goes on from its last checkpoint. */
export interface RecoveredEvent {
  /** Which event. */
  readonly type: "recovered";
  /** Steps done at the checkpoint. */
  readonly step: number;
  /** `code` of the error. */
  readonly code: string;
  /** Its message. */
  readonly message: string;
  /** The plan from here on; smaller if it was memory. */
  readonly plan: MemoryPlan;
}

/** The last event. */
export interface DoneEvent {
  /** Which event. */
  readonly type: "done";
  /** All steps, or no better result for a while, or {@link FineTuneRun.stop}. */
  readonly reason: "finished" | "early-stop" | "stopped";
  /** Id of the adapter, kept and not yet in use: see {@link Adapters.use}. */
  readonly adapter: string;
  /** Step whose adapter was kept. */
  readonly step: number;
  /** The held-out samples without the adapter. */
  readonly before: Validation;
  /** The held-out samples with it. */
  readonly after: Validation;
}

/** What a run reports. */
export type FineTuneEvent =
  | StartEvent
  | StepEvent
  | ValidationEvent
  | CheckpointEvent
  | PauseEvent
  | RecoveredEvent
  | DoneEvent;

/**
 * A run. It begins when its events are asked for, once; to leave the loop (`break`) aborts it. Between two steps the engine
 * serves other calls, on the model without the unfinished adapter.
 */
export interface FineTuneRun extends AsyncIterable<FineTuneEvent> {
  /** Stops between two blocks of the model and waits: the step that is begun is done again. */
  pause(): void;
  /** Goes on. */
  resume(): void;
  /** Ends the run after the step and keeps the adapter as it is then (or the best so far). */
  stop(): void;
}

/** A run that has not come to its end and can go on. */
export interface UnfinishedRun {
  /** For {@link FineTuning.resumeFineTune}. */
  readonly run: string;
  /** What its adapter will be called. */
  readonly name: string;
  /** Steps done at its last checkpoint. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** When the last checkpoint was written (ISO 8601). */
  readonly saved: string;
  /** Whether it was begun on this model. */
  readonly fitsBase: boolean;
}

/** The part of an engine that trains. */
export interface FineTuning {
  /**
   * What {@link FineTuning.fineTune} would do with so many samples: an estimate of its memory and how it would be cut.
   * Reads no clip.
   */
  planFineTune(samples: readonly FineTuneSample[], options?: FineTuneOptions): Promise<MemoryPlan>;
  /**
   * Trains an adapter on samples: L = L_con + L_TSG + weight L_VSG, as `sgcr train` does, on the model without adapters.
   *
   * @throws (from the iterator) {@link OutOfMemoryError} where no plan fits, {@link AbortedError}, {@link DeviceLostError}
   * where the device was lost twice, {@link SgcrError} "invalid-input" for samples that teach nothing
   */
  fineTune(samples: readonly FineTuneSample[], options?: FineTuneOptions): FineTuneRun;
  /** Goes on with a run that was aborted or cut off by a reload: with its own samples and options. */
  resumeFineTune(run: string, options?: Pick<FineTuneOptions, "signal" | "onNotice" | "memoryLimit">): FineTuneRun;
  /** Runs that can go on, the latest first. */
  unfinishedRuns(): Promise<UnfinishedRun[]>;
  /** Forgets a run and its samples. */
  deleteRun(run: string): Promise<void>;
}
