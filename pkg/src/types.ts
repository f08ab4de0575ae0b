/** What goes into an engine and comes out of it. */

import type { Adapting } from "./types_adapters.js";
import type { Evaluating } from "./types_evaluate.js";
import type { Explaining } from "./types_explain.js";
import type { FineTuning, VidorDocument } from "./types_fine_tune.js";
import type { Searching } from "./types_search.js";

/** A clip: a file or Blob, an address, or frames already decoded (which stay the caller's to close). */
export type VideoInput = Blob | URL | string | readonly VideoFrame[] | readonly ImageData[];

/**
 * A model folder (`config.json`, `preprocessor_config.json`, `tokenizer.json` and `model.safetensors` or its shards
 * with their index): its address, the files of a folder picker or a drop, or Blobs by file name.
 */
export type ModelSource = string | URL | readonly File[] | Readonly<Record<string, Blob>>;

/** Compute devices an engine can use; "auto" takes WebGPU on a real GPU that computes right, the CPU elsewhere. */
export type DeviceChoice = "auto" | "webgpu" | "cpu";

/** How frames are picked from a clip. */
export type SamplingRule = "middle" | "rand" | "demo" | "linspace" | "velociti";

/** How frames are resized. */
export type ResizeRule = "cv2-linear" | "torch-bicubic" | "torch-bicubic-antialias" | "pillow-bicubic-crop";

/** How far long work is. */
export interface Progress {
  /** 0 to 1 over the whole call; never falls. */
  readonly fraction: number;
  /** What is being done now. */
  readonly stage: "engine" | "download" | "device" | "weights" | "decode" | "encode" | "captions";
  /** Units done in this stage (bytes, frames, captions). */
  readonly done: number;
  /** Units of this stage in all; 0 when unknown. */
  readonly total: number;
}

/** Something the user should know that is no error. */
export interface Notice {
  /** Stable name: "storage-refused", "device-fallback", … */
  readonly code: string;
  /** A sentence for people. */
  readonly message: string;
}

/** For everything that takes time. */
export interface CallOptions {
  /** Ends the call with an {@link AbortedError}. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how far the call is. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** For {@link createEngine}. */
export interface EngineOptions extends CallOptions {
  /** The model folder. */
  readonly model: ModelSource;
  /**
   * Where the work is done: in a worker of the library's own (`true`, the default), in this thread (`false`), or in a
   * worker you made, whose script imports `sgcr/worker`.
   */
  readonly worker?: boolean | Worker | undefined;
  /** Compute device; "auto" by default. */
  readonly device?: DeviceChoice | undefined;
  /** Keep downloaded weights in the browser's cache (default) or read them from the server each time. */
  readonly cache?: boolean | undefined;
  /** Hears what the user should know. */
  readonly onNotice?: ((notice: Notice) => void) | undefined;
  /** Address of `sgcr_bg.wasm`, where it does not lie beside the library. */
  readonly wasmUrl?: string | URL | undefined;
  /** Address of the worker's script, where it does not lie beside the library. */
  readonly workerUrl?: string | URL | undefined;
}

/** How a clip is read: changes to the model's own preprocessing. The default changes nothing. */
export interface ClipOptions {
  /** Frames to use. */
  readonly frames?: number | undefined;
  /** Which frames. */
  readonly sampling?: SamplingRule | undefined;
  /** Resize rule. */
  readonly resize?: ResizeRule | undefined;
  /** Seed of sampling rule "rand". */
  readonly seed?: number | undefined;
}

/** For {@link Engine.encodeVideo}. */
export interface VideoOptions extends CallOptions, ClipOptions {}

/** An encoded clip. Holds no device memory. */
export interface ClipEmbedding {
  /** `[embedDim]`, not normalised. */
  readonly embedding: Float32Array;
  /** Which frames of the clip were used, counted from 0 in the order they are shown. */
  readonly frameIndices: readonly number[];
  /** When these frames are shown, in seconds; empty where the clip has no clock. */
  readonly frameTimes: readonly number[];
  /** Frames of the whole clip. */
  readonly frameCount: number;
}

/** How well one caption fits. */
export interface CaptionScore {
  /** The caption as given. */
  readonly caption: string;
  /** Cosine of clip and caption, -1 to 1. */
  readonly cosine: number;
  /** Softmax over all captions of `logitScale * cosine`. */
  readonly probability: number;
  /** Cosine less the best other caption's; `null` for a single caption. */
  readonly margin: number | null;
}

/** All captions of one clip, in the order given. */
export interface Scores {
  /** What the softmax multiplies cosines by. */
  readonly logitScale: number;
  /** Position of the best caption. */
  readonly best: number;
  /** One entry a caption. */
  readonly captions: readonly CaptionScore[];
}

/** What an engine is made of. */
export interface EngineInfo {
  /** "webgpu" or "cpu". */
  readonly device: "webgpu" | "cpu";
  /** The device, for people. */
  readonly deviceDescription: string;
  /** Largest difference of the start-up self-test; 0 on the CPU, which is what others are compared with. */
  readonly selfTestDifference: number;
  /** Encoder pair: "viclip", "clip", "clip-vip" or "internvideo2". */
  readonly modelType: string;
  /** Length of an embedding. */
  readonly embedDim: number;
  /** Frames a clip is sampled to. */
  readonly frames: number;
  /** Side of the square input in pixels. */
  readonly imageSize: number;
  /** Resize rule. */
  readonly resize: ResizeRule;
  /** Sampling rule. */
  readonly sampling: SamplingRule;
  /** Scene-graph tokens: "none", "literal" or "block". */
  readonly sceneTokens: string;
  /** Tokens of a caption at most. */
  readonly contextLength: number;
  /** What the user should know, from opening. */
  readonly notices: readonly Notice[];
}

/** Memory in use. */
export interface MemoryUse {
  /** Bytes of the module's memory; it never shrinks. */
  readonly wasmBytes: number;
  /** Bytes that tensors hold on the device; `null` where it does not count (the CPU). */
  readonly deviceBytes: number | null;
}

/** A caption that fits a generated clip, with one that nearly does. */
export interface NearMiss {
  /** Kind, by VELOCITI's test name: "agent_bind", "chrono", … */
  readonly kind: string;
  /** The kind, for people. */
  readonly title: string;
  /** True of the clip. */
  readonly fits: string;
  /** False of the clip. */
  readonly misses: string;
}

/** A clip of the generated world: drawn from a seed, the same everywhere. */
export interface WorldClip {
  /** Every frame. */
  readonly frames: readonly ImageData[];
  /** Frames a second. */
  readonly fps: number;
  /** The main caption first. */
  readonly captions: readonly string[];
  /** Near misses, at most one a kind. */
  readonly nearMisses: readonly NearMiss[];
  /** Its exact scene graph. */
  readonly graph: VidorDocument;
}

/** A loaded model. Calls are queued: the device works on one thing at a time. */
export interface Engine extends Explaining, FineTuning, Adapting, Evaluating, Searching {
  /** Device and model. */
  readonly info: EngineInfo;
  /** Decodes the frames that matter and encodes them. */
  encodeVideo(input: VideoInput, options?: VideoOptions): Promise<ClipEmbedding>;
  /** Encodes captions: one embedding `[embedDim]` each, not normalised. */
  encodeText(captions: readonly string[], options?: CallOptions): Promise<Float32Array[]>;
  /** Compares a clip with captions. An encoded clip can be scored again and again at the cost of the captions. */
  score(clip: ClipEmbedding | VideoInput, captions: readonly string[], options?: VideoOptions): Promise<Scores>;
  /** Draws a clip of the generated world; `seed` is a whole number below 2^53. */
  worldClip(seed: number): Promise<WorldClip>;
  /** Memory in use now. */
  memory(): Promise<MemoryUse>;
  /** Frees the model; may be called twice. Calls still running end with a {@link DisposedError}. */
  dispose(): void;
  /** Same as {@link Engine.dispose}, for `using`. */
  [Symbol.dispose](): void;
}
