/** The engine in a worker, seen from the page. */

import { fallbackNotice, isDeviceFault } from "./device_fault.js";
import { DisposedError, SgcrError, WorkerError, toSgcrError } from "./errors.js";
import { folderUrl } from "./model_files.js";
import type { EngineEvent, EngineProtocol, OpenParams, VideoParams } from "./protocol.js";
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

/** What a call hears on its way. */
function hear({ onProgress }: CallOptions): (event: EngineEvent) => void {
  return (event) => {
    if ("progress" in event) onProgress?.(event.progress);
  };
}

/** A clip that can be posted: addresses become absolute here, where the page's own address is known. */
function postable(input: ClipEmbedding | VideoInput): ClipEmbedding | VideoInput {
  return typeof input === "string" || input instanceof URL ? new URL(input, document.baseURI).href : input;
}

function videoParams({ frames, sampling, resize, seed }: VideoOptions): VideoParams {
  return { frames, sampling, resize, seed };
}

/** An engine in a worker. */
export class RemoteEngine implements Engine {
  readonly info: EngineInfo;
  readonly #client: Client<EngineProtocol>;
  readonly #end: () => void;

  private constructor(info: EngineInfo, client: Client<EngineProtocol>, end: () => void) {
    this.info = info;
    this.#client = client;
    this.#end = end;
  }

  /** Starts a worker and opens an engine in it; "auto" starts a second worker for the CPU where the first one stopped. */
  static async open(options: EngineOptions): Promise<RemoteEngine> {
    const choice = options.device ?? "auto";
    try {
      return await RemoteEngine.#start(options, choice, []);
    } catch (error) {
      const stopped = error instanceof SgcrError && (error.code === "crashed" || isDeviceFault(error));
      if (choice !== "auto" || !stopped || options.worker instanceof Worker) throw error;
      const notice = fallbackNotice(error.message);
      options.onNotice?.(notice);
      return RemoteEngine.#start(options, "cpu", [notice]);
    }
  }

  static async #start(options: EngineOptions, device: DeviceChoice, notices: readonly Notice[]): Promise<RemoteEngine> {
    const { model, onNotice, signal } = options;
    const own = !(options.worker instanceof Worker);
    const worker = options.worker instanceof Worker ? options.worker : startWorker(options.workerUrl);
    const client = new Client<EngineProtocol>(worker);
    const fail = (event: Event): void => {
      const message = (event as ErrorEvent).message || "its script could not be loaded (option workerUrl)";
      client.close(new WorkerError(`the engine's worker failed: ${message}`));
    };
    worker.addEventListener("error", fail);
    const end = (): void => {
      worker.removeEventListener("error", fail);
      client.close(new DisposedError("this engine was disposed; create another one"));
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
      else onNotice?.(event.notice);
    };
    try {
      const info = await client.call("open", params, { signal, onEvent });
      return new RemoteEngine({ ...info, notices: [...notices, ...info.notices] }, client, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  encodeVideo(input: VideoInput, options: VideoOptions = {}): Promise<ClipEmbedding> {
    const params = { input: postable(input) as VideoInput, options: videoParams(options) };
    return this.#client.call("encodeVideo", params, { signal: options.signal, onEvent: hear(options) });
  }

  encodeText(captions: readonly string[], options: CallOptions = {}): Promise<Float32Array[]> {
    return this.#client.call("encodeText", { captions }, { signal: options.signal, onEvent: hear(options) });
  }

  score(clip: ClipEmbedding | VideoInput, captions: readonly string[], options: VideoOptions = {}): Promise<Scores> {
    const params = { clip: postable(clip), captions, options: videoParams(options) };
    return this.#client.call("score", params, { signal: options.signal, onEvent: hear(options) });
  }

  worldClip(seed: number): Promise<WorldClip> {
    return this.#client.call("worldClip", { seed });
  }

  memory(): Promise<MemoryUse> {
    return this.#client.call("memory", null);
  }

  dispose(): void {
    // A worker of the caller's goes on living without the model.
    void this.#client.call("dispose", null).catch(() => {});
    this.#end();
  }

  [Symbol.dispose](): void {
    this.dispose();
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
