/** The engine itself, in whatever thread this runs: the module, the model's files, the decoder, one queue of calls. */

import type { ClipFrames, ModelFiles, Engine as WasmEngine } from "../wasm/sgcr.js";
import { takeFrames, withReader } from "./clip_frames.js";
import { fallbackNotice, isDeviceFault } from "./device_fault.js";
import { EmbeddingStore } from "./embedding_store.js";
import { DisposedError, InvalidInputError, SgcrError, checkSignal, toSgcrError } from "./errors.js";
import { type EvaluateParams, LocalEvaluation, evaluateParams } from "./evaluate_run.js";
import { LocalRun, type RunHost, type RunStart } from "./fine_tune_run.js";
import { checkSamples, runOptions } from "./fine_tune_samples.js";
import { type Host, type RustEvent, stoppable } from "./host.js";
import { type IndexParams, LocalLibrary, indexParams } from "./library_run.js";
import { LocalAdapters } from "./local_adapters.js";
import { type ModelBlobs, downloadModel, folderUrl, isAddress, localModel } from "./model_files.js";
import { OPEN_PLAN, ProgressMeter, SCORE_PLAN, TEXT_PLAN, VIDEO_PLAN } from "./progress.js";
import { RunStore } from "./run_store.js";
import { deleteCached } from "./storage.js";
import type {
  CallOptions,
  ClipEmbedding,
  DeviceChoice,
  Engine,
  EngineInfo,
  EngineOptions,
  MemoryUse,
  Notice,
  Scores,
  VideoInput,
  VideoOptions,
  WorldClip,
} from "./types.js";
import type { EvaluateOptions, EvaluationRun } from "./types_evaluate.js";
import type { ExplainLabels, Explanation } from "./types_explain.js";
import type { FineTuneOptions, FineTuneRun, FineTuneSample, MemoryPlan, UnfinishedRun } from "./types_fine_tune.js";
import type { ChosenFiles } from "./types_runs.js";
import type { IndexOptions, IndexRun, SearchHit, SearchOptions } from "./types_search.js";
import type { FrameReader } from "./video.js";
import { type Wasm, loadWasm, untilCrash, wasmBytes } from "./wasm.js";
import { drawWorldClip } from "./world_clip.js";

/** Everything an engine needs in its own thread. */
export type LocalOptions = Omit<EngineOptions, "worker" | "workerUrl">;

type Open = { wasm: Wasm; engine: WasmEngine; info: EngineInfo; notice: (notice: Notice) => void };

/** An engine in this thread. */
export class LocalEngine implements Engine, Host {
  readonly info: EngineInfo;
  readonly wasm: Wasm;
  readonly notice: (notice: Notice) => void;
  readonly adapters: LocalAdapters;
  readonly runs: RunStore;
  readonly embeddings: EmbeddingStore;
  readonly #library: LocalLibrary;
  #engine: WasmEngine | null;
  /** Two calls into one engine at once would trap, so each waits for the one before. */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor({ wasm, engine, info, notice }: Open) {
    this.wasm = wasm;
    this.#engine = engine;
    this.info = info;
    this.notice = notice;
    this.adapters = new LocalAdapters(this);
    this.runs = new RunStore(notice);
    this.embeddings = new EmbeddingStore(wasm, notice);
    this.#library = new LocalLibrary(this, this.embeddings);
  }

  /** Loads module and model. */
  static async open(options: LocalOptions): Promise<LocalEngine> {
    const { signal } = options;
    checkSignal(signal);
    const meter = new ProgressMeter(OPEN_PLAN, options.onProgress);
    meter.at("engine", 0, 1);
    const wasm = await loadWasm(options.wasmUrl === undefined ? undefined : String(options.wasmUrl));
    meter.at("engine", 1, 1);
    checkSignal(signal);
    const notices: Notice[] = [];
    const notice = (n: Notice): void => {
      notices.push(n);
      options.onNotice?.(n);
    };
    const open = new Opening(wasm, options, meter, notice);
    const engine = await open.run();
    const info = { ...(engine.info() as Omit<EngineInfo, "notices">), notices };
    return new LocalEngine({ wasm, engine, info, notice: (n) => options.onNotice?.(n) });
  }

  enqueue<T>(signal: AbortSignal | undefined, work: (engine: WasmEngine) => Promise<T>): Promise<T> {
    const result = this.#queue.then(async () => {
      checkSignal(signal);
      if (!this.#engine) throw new DisposedError("this engine was disposed; create another one");
      const engine = this.#engine;
      return untilCrash(() => work(engine));
    });
    this.#queue = result.catch(() => {});
    return result.catch((thrown: unknown) => {
      throw toSgcrError(thrown);
    });
  }

  async encodeVideo(input: VideoInput, options: VideoOptions = {}): Promise<ClipEmbedding> {
    return this.#video(input, options, new ProgressMeter(VIDEO_PLAN, options.onProgress));
  }

  #video(input: VideoInput, options: VideoOptions, meter: ProgressMeter): Promise<ClipEmbedding> {
    return this.#decoded(input, options, meter, async (engine, clip, reader, indices) => {
      const embedding = await engine.encodeVideo(clip);
      const times = indices.map((index) => reader.time(index)).filter((time) => time !== undefined);
      return { embedding, frameIndices: indices, frameTimes: times, frameCount: reader.frameCount };
    });
  }

  /** Chooses and decodes a clip's frames for one forward pass. */
  #decoded<T>(
    input: VideoInput,
    options: VideoOptions,
    meter: ProgressMeter,
    work: (engine: WasmEngine, clip: ClipFrames, reader: FrameReader, indices: number[]) => Promise<T>,
  ): Promise<T> {
    const { signal, frames, sampling, resize, seed } = options;
    return withReader(input, signal, (reader) =>
      this.enqueue(signal, async (engine) => {
        const clip = engine.newClip(frames, sampling, resize, seed);
        try {
          const { frameCount, fps, width, height } = reader;
          const indices = [...clip.indices(frameCount, fps, width, height)];
          await takeFrames(reader, clip, indices, signal, (done) => meter.at("decode", done, indices.length));
          meter.at("encode", 0, 1);
          const result = await work(engine, clip, reader, indices);
          meter.at("encode", 1, 1);
          checkSignal(signal);
          return result;
        } finally {
          clip.free();
        }
      }),
    );
  }

  async explain(clip: VideoInput, labels: ExplainLabels | null, options: VideoOptions = {}): Promise<Explanation> {
    return this.#decoded(clip, options, new ProgressMeter(VIDEO_PLAN, options.onProgress), async (engine, frames) => {
      return (await engine.explain(frames, labels && [...labels.entities], labels && [...labels.predicates])) as Explanation;
    });
  }

  async planFineTune(samples: readonly FineTuneSample[], options: FineTuneOptions = {}): Promise<MemoryPlan> {
    checkSamples(samples);
    return this.planRun(samples.length, options);
  }

  /** {@link LocalEngine.planFineTune} of so many clips. */
  async planRun(clips: number, options: FineTuneOptions): Promise<MemoryPlan> {
    const json = JSON.stringify(runOptions(options));
    return this.enqueue(options.signal, async (engine) => engine.planFineTune(clips, json) as MemoryPlan);
  }

  fineTune(samples: readonly FineTuneSample[], options: FineTuneOptions = {}): FineTuneRun {
    return this.run({ samples }, options);
  }

  resumeFineTune(run: string, options: Pick<FineTuneOptions, "signal" | "onNotice" | "memoryLimit"> = {}): FineTuneRun {
    return this.run({ run, smaller: "no" }, options);
  }

  /** Any beginning of a run. */
  run(start: RunStart, options: FineTuneOptions): LocalRun {
    const { wasm, info, adapters, runs } = this;
    const notice = options.onNotice ?? this.notice;
    const host: RunHost = { wasm, info, adapters, runs, notice, enqueue: (signal, work) => this.enqueue(signal, work) };
    return new LocalRun(host, start, options);
  }

  async unfinishedRuns(): Promise<UnfinishedRun[]> {
    return this.runs.list(await this.enqueue(undefined, (engine) => engine.fingerprint()));
  }

  async deleteRun(run: string): Promise<void> {
    await this.runs.remove(run);
  }

  evaluate(options: EvaluateOptions): EvaluationRun {
    return this.evaluation(evaluateParams(options), options.signal);
  }

  /** {@link LocalEngine.evaluate} of options that were posted. */
  evaluation(params: EvaluateParams, signal: AbortSignal | undefined): EvaluationRun {
    return new LocalEvaluation(this, params, signal);
  }

  async forgetEmbeddings(): Promise<void> {
    await this.embeddings.clear();
  }

  index(videos: ChosenFiles, options: IndexOptions = {}): IndexRun {
    return this.indexing(indexParams(videos, options), options.signal);
  }

  /** {@link LocalEngine.index} of options that were posted. */
  indexing(params: IndexParams, signal: AbortSignal | undefined): IndexRun {
    return this.#library.index(params, signal);
  }

  search(texts: readonly string[], options: SearchOptions = {}): Promise<SearchHit[][]> {
    return this.#library.search(texts, options);
  }

  async encodeText(captions: readonly string[], options: CallOptions = {}): Promise<Float32Array[]> {
    const meter = new ProgressMeter(TEXT_PLAN, options.onProgress);
    const rows = await this.#texts(captions, options, meter);
    const dim = this.info.embedDim;
    return captions.map((_, i) => rows.slice(i * dim, (i + 1) * dim));
  }

  async #texts(captions: readonly string[], options: CallOptions, meter: ProgressMeter): Promise<Float32Array> {
    if (!Array.isArray(captions) || captions.some((caption) => typeof caption !== "string")) {
      throw new InvalidInputError("captions: give a list of strings");
    }
    return this.enqueue(options.signal, (engine) =>
      stoppable(this.wasm, options.signal, (stop) => {
        const onEvent = (event: RustEvent): void => {
          if (event.type === "progress") meter.at("captions", event.done, event.total);
        };
        return engine.encodeText([...captions], onEvent, stop);
      }),
    );
  }

  async score(clip: ClipEmbedding | VideoInput, captions: readonly string[], options: VideoOptions = {}): Promise<Scores> {
    const isEncoded = isClipEmbedding(clip);
    const meter = new ProgressMeter(isEncoded ? TEXT_PLAN : SCORE_PLAN, options.onProgress);
    // Captions first: an empty one is told before a long decoding.
    const texts = await this.#texts(captions, options, meter);
    const encoded = isEncoded ? clip : await this.#video(clip, options, meter);
    return this.enqueue(options.signal, async (engine) => {
      return (await engine.score(encoded.embedding, texts, [...captions])) as Scores;
    });
  }

  async worldClip(seed: number): Promise<WorldClip> {
    return this.enqueue(undefined, async () => drawWorldClip(this.wasm, seed));
  }

  async memory(): Promise<MemoryUse> {
    return this.enqueue(undefined, async (engine) => {
      return { wasmBytes: wasmBytes(), deviceBytes: engine.deviceBytes() ?? null };
    });
  }

  dispose(): void {
    const engine = this.#engine;
    this.#engine = null;
    // Work that runs still uses it.
    if (engine) void this.#queue.then(() => engine.free());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Tells an encoded clip from a clip. */
export function isClipEmbedding(clip: ClipEmbedding | VideoInput): clip is ClipEmbedding {
  return typeof clip === "object" && "embedding" in clip;
}

/** The steps of opening an engine. */
class Opening {
  constructor(
    readonly wasm: Wasm,
    readonly options: LocalOptions,
    readonly meter: ProgressMeter,
    readonly notice: (notice: Notice) => void,
  ) {}

  async run(): Promise<WasmEngine> {
    const { model } = this.options;
    if (!isAddress(model)) return this.#onDevices(localModel(model));
    const base = folderUrl(model, globalThis.location.href);
    try {
      return await this.#onDevices(await this.#download(base));
    } catch (error) {
      // A kept file went bad: once more, from the server.
      if (!(error instanceof SgcrError) || !["hash-mismatch", "corrupt-file"].includes(error.code)) throw error;
      if (this.options.cache === false || (await deleteCached(base)) === 0) throw error;
      return this.#onDevices(await this.#download(base));
    }
  }

  /** Null: the module reads from the server itself, piece by piece. */
  async #download(base: string): Promise<ModelBlobs | string> {
    if (this.options.cache === false) return base;
    return downloadModel(base, true, {
      signal: this.options.signal,
      progress: (done, total) => this.meter.at("download", done, total),
      notice: this.notice,
    });
  }

  #files(from: ModelBlobs | string): ModelFiles {
    if (typeof from === "string") return this.wasm.ModelFiles.fromUrl(from, this.options.signal ?? null);
    return this.wasm.ModelFiles.fromBlobs(from.name, [...from.files.keys()], [...from.files.values()]);
  }

  async #onDevices(from: ModelBlobs | string): Promise<WasmEngine> {
    const choice: DeviceChoice = this.options.device ?? "auto";
    if (choice !== "auto") return this.#onDevice(choice, from);
    const { webgpuDrawback } = await import("./probe.js");
    const drawback = await webgpuDrawback();
    if (drawback) {
      this.notice(fallbackNotice(drawback));
      return this.#onDevice("cpu", from);
    }
    try {
      return await this.#onDevice("webgpu", from);
    } catch (error) {
      if (!(error instanceof SgcrError) || !isDeviceFault(error)) throw error;
      this.notice(fallbackNotice(error.message));
      return this.#onDevice("cpu", from);
    }
  }

  async #onDevice(device: "webgpu" | "cpu", from: ModelBlobs | string): Promise<WasmEngine> {
    this.meter.at("device", 0, 1);
    const onEvent = (event: RustEvent): void => {
      if (event.type === "notice") this.notice({ code: event.code, message: event.message });
      else if (event.stage === "weights") this.meter.at("weights", event.done, event.total);
    };
    try {
      if (device === "webgpu") await checkWebGpu();
      return await stoppable(this.wasm, this.options.signal, (stop) =>
        untilCrash(() => this.wasm.Engine.open(this.#files(from), device, onEvent, stop)),
      );
    } catch (thrown) {
      throw toSgcrError(thrown);
    }
  }
}

/** Says why there is no WebGPU, which the module cannot tell as well. */
async function checkWebGpu(): Promise<void> {
  const { webgpuAbsence } = await import("./probe.js");
  const reason = await webgpuAbsence();
  if (reason) throw toSgcrError(Object.assign(new Error(`device "webgpu" is not available: ${reason}`), DEVICE_ABSENT));
}

const DEVICE_ABSENT = { name: "SgcrError", code: "device-unavailable" };
