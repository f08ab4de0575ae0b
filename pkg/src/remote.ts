/** The engine in a worker, seen from the page. */

import { clipOptions } from "./clip_options.js";
import { fallbackNotice, isDeviceFault } from "./device_fault.js";
import { DisposedError, type ErrorCode, SgcrError, WorkerError, toSgcrError } from "./errors.js";
import { evaluateParams } from "./evaluate_run.js";
import type { RunStart } from "./fine_tune_run.js";
import { checkSamples, runOptions } from "./fine_tune_samples.js";
import { indexParams } from "./library_run.js";
import { folderUrl } from "./model_files.js";
import type { EngineEvent, EngineProtocol, OpenParams, RunCommand } from "./protocol.js";
import { RemoteAdapters } from "./remote_adapters.js";
import { type Call, hear, postable } from "./remote_call.js";
import { RemoteRun, type RunCaller } from "./remote_run.js";
import { RemoteVideosRun, type VideosRunCaller } from "./remote_videos_run.js";
import { Client } from "./rpc.js";
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
import type { EvaluateEvent, EvaluateOptions, EvaluationRun } from "./types_evaluate.js";
import type { ExplainLabels, Explanation } from "./types_explain.js";
import type { FineTuneOptions, FineTuneRun, FineTuneSample, MemoryPlan, UnfinishedRun } from "./types_fine_tune.js";
import type { ChosenFiles } from "./types_runs.js";
import type { IndexEvent, IndexOptions, IndexRun, SearchHit, SearchOptions } from "./types_search.js";

/** A worker with an engine in it. */
interface Link {
  client: Client<EngineProtocol>;
  info: EngineInfo;
  /** Ends the worker, if it is ours, and all calls with an error. */
  end(error: SgcrError): void;
}

/** An engine in a worker. Where the device or the worker is lost, it is built again, from the cache, once a call. */
export class RemoteEngine implements Engine {
  readonly adapters: RemoteAdapters;
  readonly #options: EngineOptions;
  #link: Link;
  #rebuilding: Promise<void> | null = null;
  #disposed = false;

  private constructor(options: EngineOptions, link: Link) {
    this.#options = options;
    this.#link = link;
    this.adapters = new RemoteAdapters(this.#call);
  }

  /** Starts a worker and opens an engine in it. */
  static async open(options: EngineOptions): Promise<RemoteEngine> {
    return new RemoteEngine(options, await openLink(options));
  }

  get info(): EngineInfo {
    return this.#link.info;
  }

  /** Calls a method; after a fault of device or worker once more, on an engine that was built again. */
  readonly #call: Call = async (method, params, along) => {
    try {
      return await this.#link.client.call(method, params, along);
    } catch (thrown) {
      const error = toSgcrError(thrown);
      await this.#recover(error);
      // What had no room would have none again.
      if (error.code === "out-of-memory") throw error;
      return await this.#link.client.call(method, params, along);
    }
  };

  /** Builds the engine again; rejects with the error where that cannot help. */
  async #recover(error: SgcrError): Promise<void> {
    const own = !(this.#options.worker instanceof Worker);
    if (this.#disposed || !own || !REBUILT_AFTER.includes(error.code)) throw error;
    this.#rebuilding ??= this.#rebuild(error).finally(() => {
      this.#rebuilding = null;
    });
    await this.#rebuilding;
  }

  async #rebuild(error: SgcrError): Promise<void> {
    this.#link.end(error);
    const { signal: _signal, onProgress: _onProgress, ...options } = this.#options;
    try {
      const link = await openLink(options);
      if (this.#disposed) return link.end(disposed());
      this.#link = link;
      const weights = this.adapters.weights;
      if (Object.keys(weights).length > 0) await link.client.call("useAdapters", { weights });
    } catch {
      throw error;
    }
    options.onNotice?.({ code: "engine-rebuilt", message: `The engine was built again: ${error.message}` });
  }

  /** How every run is told things and helped up. */
  readonly #ways = {
    command: (handle: string, command: RunCommand): void => {
      // A run that is over, or whose worker is gone, hears nothing.
      void this.#link.client.call("commandRun", { handle, command }).catch(() => {});
    },
    recover: (error: SgcrError): Promise<void> => this.#recover(error),
  };

  encodeVideo(input: VideoInput, options: VideoOptions = {}): Promise<ClipEmbedding> {
    const params = { input: postable(input) as VideoInput, options: clipOptions(options) };
    return this.#call("encodeVideo", params, { signal: options.signal, onEvent: hear(options) });
  }

  encodeText(captions: readonly string[], options: CallOptions = {}): Promise<Float32Array[]> {
    return this.#call("encodeText", { captions }, { signal: options.signal, onEvent: hear(options) });
  }

  score(clip: ClipEmbedding | VideoInput, captions: readonly string[], options: VideoOptions = {}): Promise<Scores> {
    const params = { clip: postable(clip), captions, options: clipOptions(options) };
    return this.#call("score", params, { signal: options.signal, onEvent: hear(options) });
  }

  explain(clip: VideoInput, labels: ExplainLabels | null, options: VideoOptions = {}): Promise<Explanation> {
    const params = { input: postable(clip) as VideoInput, labels, options: clipOptions(options) };
    return this.#call("explain", params, { signal: options.signal, onEvent: hear(options) });
  }

  async planFineTune(samples: readonly FineTuneSample[], options: FineTuneOptions = {}): Promise<MemoryPlan> {
    checkSamples(samples);
    const params = { clips: samples.length, options: runOptions(options) };
    return this.#call("planFineTune", params, { signal: options.signal });
  }

  fineTune(samples: readonly FineTuneSample[], options: FineTuneOptions = {}): FineTuneRun {
    const posted = samples.map((sample) => ({ ...sample, clip: postable(sample.clip) as VideoInput }));
    return this.#run({ samples: posted }, options);
  }

  resumeFineTune(run: string, options: Pick<FineTuneOptions, "signal" | "onNotice" | "memoryLimit"> = {}): FineTuneRun {
    return this.#run({ run, smaller: "no" }, options);
  }

  #run(start: RunStart, options: FineTuneOptions): FineTuneRun {
    const caller: RunCaller = {
      start: async (params, along) => {
        await this.#link.client.call("fineTune", params, along);
      },
      ...this.#ways,
    };
    return new RemoteRun(caller, start, options);
  }

  evaluate(options: EvaluateOptions): EvaluationRun {
    const run = evaluateParams(options);
    const caller: VideosRunCaller<EvaluateEvent> = {
      start: (handle, along) => this.#link.client.call("evaluate", { handle, run }, along),
      pick: (event) => ("evaluate" in event ? event.evaluate : null),
      ...this.#ways,
    };
    return new RemoteVideosRun(caller, options.signal);
  }

  async forgetEmbeddings(): Promise<void> {
    await this.#call("forgetEmbeddings", null);
  }

  index(videos: ChosenFiles, options: IndexOptions = {}): IndexRun {
    const run = indexParams(videos, options);
    const caller: VideosRunCaller<IndexEvent> = {
      start: (handle, along) => this.#link.client.call("index", { handle, run }, along),
      pick: (event) => ("index" in event ? event.index : null),
      ...this.#ways,
    };
    return new RemoteVideosRun(caller, options.signal);
  }

  search(texts: readonly string[], { top = 5, overlapping = false, signal }: SearchOptions = {}): Promise<SearchHit[][]> {
    return this.#call("search", { texts, top, overlapping }, { signal });
  }

  unfinishedRuns(): Promise<UnfinishedRun[]> {
    return this.#call("unfinishedRuns", null);
  }

  async deleteRun(run: string): Promise<void> {
    await this.#call("deleteRun", { run });
  }

  worldClip(seed: number): Promise<WorldClip> {
    return this.#call("worldClip", { seed });
  }

  memory(): Promise<MemoryUse> {
    return this.#call("memory", null);
  }

  dispose(): void {
    this.#disposed = true;
    // A worker of the caller's goes on living without the model.
    void this.#link.client.call("dispose", null).catch(() => {});
    this.#link.end(disposed());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Errors after which a new worker may do what this one cannot any more. */
const REBUILT_AFTER: readonly ErrorCode[] = ["device-lost", "out-of-memory", "crashed", "worker"];

function disposed(): DisposedError {
  return new DisposedError("this engine was disposed; create another one");
}

/** Starts a worker and opens an engine in it; "auto" starts a second worker for the CPU where the first one stopped. */
async function openLink(options: EngineOptions): Promise<Link> {
  const choice = options.device ?? "auto";
  try {
    return await startLink(options, choice, []);
  } catch (error) {
    const stopped = error instanceof SgcrError && (error.code === "crashed" || isDeviceFault(error));
    if (choice !== "auto" || !stopped || options.worker instanceof Worker) throw error;
    const notice = fallbackNotice(error.message);
    options.onNotice?.(notice);
    return startLink(options, "cpu", [notice]);
  }
}

async function startLink(options: EngineOptions, device: DeviceChoice, notices: readonly Notice[]): Promise<Link> {
  const { model, onNotice, signal } = options;
  const own = !(options.worker instanceof Worker);
  const worker = options.worker instanceof Worker ? options.worker : startWorker(options.workerUrl);
  const client = new Client<EngineProtocol>(worker);
  const fail = (event: Event): void => {
    const message = (event as ErrorEvent).message || "its script could not be loaded (option workerUrl)";
    client.close(new WorkerError(`the engine's worker failed: ${message}`));
  };
  worker.addEventListener("error", fail);
  const end = (error: SgcrError): void => {
    worker.removeEventListener("error", fail);
    client.close(error);
    if (own) worker.terminate();
  };
  const params: OpenParams = {
    model: typeof model === "string" || model instanceof URL ? folderUrl(model, document.baseURI) : model,
    device,
    cache: options.cache ?? true,
    wasmUrl: options.wasmUrl === undefined ? undefined : new URL(options.wasmUrl, document.baseURI).href,
  };
  const onEvent = (event: EngineEvent): void => {
    if ("progress" in event) options.onProgress?.(event.progress);
    else if ("notice" in event) onNotice?.(event.notice);
  };
  try {
    const info = await client.call("open", params, { signal, onEvent });
    return { client, info: { ...info, notices: [...notices, ...info.notices] }, end };
  } catch (error) {
    end(disposed());
    throw error;
  }
}

function startWorker(workerUrl: string | URL | undefined): Worker {
  try {
    const script = new URL(workerUrl ?? new URL("./worker.js", import.meta.url), document.baseURI);
    if (script.protocol !== "blob:" && script.origin !== location.origin) return strangeWorker(script);
    if (workerUrl !== undefined) return new Worker(script, { type: "module", name: "sgcr" });
    // Spelled out in one expression: bundlers look for this form.
    return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "sgcr" });
  } catch (thrown) {
    // A content security policy.
    throw new WorkerError(`the engine's worker cannot start: ${toSgcrError(thrown).message}`, { cause: thrown });
  }
}

/** Browsers start workers from the page's own origin alone: a script from elsewhere (a CDN) is imported by a line of our own. */
function strangeWorker(script: URL): Worker {
  const line = new Blob([`import ${JSON.stringify(script.href)};`], { type: "text/javascript" });
  const url = URL.createObjectURL(line);
  const worker = new Worker(url, { type: "module", name: "sgcr" });
  // The address has to live until the line is read, as the first message tells.
  worker.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  return worker;
}
