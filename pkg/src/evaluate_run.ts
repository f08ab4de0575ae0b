/** A benchmark's run of an engine in this thread: pulls the module video by video, keeps embeddings, waits where it is told to. */

import type { Engine as WasmEngine, Evaluation } from "../wasm/sgcr.js";
import { type FilesByPath, filesByPath } from "./chosen_files.js";
import { takeFrames, withReader } from "./clip_frames.js";
import type { EmbeddingStore } from "./embedding_store.js";
import { EngineCrashedError, type SgcrError, checkSignal, createError, toSgcrError } from "./errors.js";
import { type Host, stoppable } from "./host.js";
import { Pausing, isTheVideos, secondsLeft } from "./pausing.js";
import type { EvaluateEvent, EvaluateOptions, EvaluationResults, EvaluationRun, EvaluationTable } from "./types_evaluate.js";

/** {@link EvaluateOptions} that can be posted: files by path, nothing that is a function. */
export interface EvaluateParams {
  /** What the module reads. */
  readonly settings: Omit<EvaluateOptions, "data" | "videos" | "signal">;
  /** Annotation files. */
  readonly data: FilesByPath;
  /** Videos. */
  readonly videos: FilesByPath;
}

/** What of the options crosses to the worker. */
export function evaluateParams(options: EvaluateOptions): EvaluateParams {
  const { data = {}, videos = {}, signal: _signal, ...settings } = options;
  return { settings, data: filesByPath(data), videos: filesByPath(videos) };
}

/** What a run needs of its engine. */
export interface EvaluateHost extends Host {
  /** Where embeddings go. */
  readonly embeddings: EmbeddingStore;
}

/** Milliseconds between two tables. */
const TABLE_EVERY = 1000;

/** A run in this thread. */
export class LocalEvaluation implements EvaluationRun {
  readonly #host: EvaluateHost;
  readonly #params: EvaluateParams;
  readonly #signal: AbortSignal | undefined;
  readonly #pausing = new Pausing();
  /** The adapters that it began with. */
  #weights = "";

  constructor(host: EvaluateHost, params: EvaluateParams, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#params = params;
    this.#signal = signal;
  }

  pause(): void {
    this.#pausing.pause();
  }

  resume(): void {
    this.#pausing.resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<EvaluateEvent, void, undefined> {
    let crashed = false;
    try {
      const evaluation = await this.#begin();
      try {
        const [videos, captions] = [evaluation.videos.length, evaluation.waitingCaptions];
        yield { type: "start", videos, captions, lasting: await this.#host.embeddings.isLasting() };
        yield* this.#captions(evaluation);
        yield* this.#videos(evaluation);
        const results = (await this.#step(this.#signal, () => evaluation.finish())) as EvaluationResults;
        yield { type: "done", ...results };
      } catch (thrown) {
        crashed = thrown instanceof EngineCrashedError;
        throw thrown;
      } finally {
        // A module that stopped frees nothing any more.
        if (!crashed) evaluation.free();
        await this.#host.embeddings.flush();
      }
    } catch (thrown) {
      throw toSgcrError(thrown);
    }
  }

  async #begin(): Promise<Evaluation> {
    const { settings, data, videos } = this.#params;
    const contents: Uint8Array[] = [];
    for (const file of Object.values(data)) {
      checkSignal(this.#signal);
      contents.push(new Uint8Array(await file.arrayBuffer()));
    }
    return this.#host.enqueue(this.#signal, (engine) =>
      stoppable(this.#host.wasm, this.#signal, (stop) => {
        this.#weights = JSON.stringify(engine.adapterWeights());
        return engine.evaluation(JSON.stringify(settings), Object.keys(data), contents, Object.keys(videos), stop);
      }),
    );
  }

  /** Work of the module on the model that the run began with. */
  #step<T>(signal: AbortSignal | undefined, work: (engine: WasmEngine) => Promise<T>): Promise<T> {
    return this.#host.enqueue(signal, (engine) => {
      if (JSON.stringify(engine.adapterWeights()) !== this.#weights) {
        throw createError("different-run", "the model's adapters were changed while the run went on; begin it again");
      }
      return work(engine);
    });
  }

  async *#captions(evaluation: Evaluation): AsyncGenerator<EvaluateEvent, void, undefined> {
    const { embeddings } = this.#host;
    const total = evaluation.waitingCaptions;
    for (let key = evaluation.captionKey; key !== undefined; key = evaluation.captionKey) {
      if (this.#pausing.isPaused) yield* this.#wait(0);
      checkSignal(this.#signal);
      const kept = await embeddings.read("texts", key);
      if (!kept || !evaluation.takeKeptCaptions(kept)) {
        const file = await this.#step(this.#signal, (engine) => evaluation.embedCaptions(engine));
        if (file) await embeddings.keep("texts", key, file);
      }
      yield { type: "captions", done: total - evaluation.waitingCaptions, total };
    }
  }

  async *#videos(evaluation: Evaluation): AsyncGenerator<EvaluateEvent, void, undefined> {
    const videos = evaluation.videos;
    const total = videos.length;
    const times: number[] = [];
    let told = performance.now();
    for (let at = 0; at < total; ) {
      checkSignal(this.#signal);
      if (this.#pausing.isPaused) yield* this.#wait(at);
      const begun = performance.now();
      const video = videos[at] as string;
      const taken = await this.#pausing.attempt(this.#signal, (signal) => this.#take(evaluation, at, signal));
      if (taken === null) continue;
      at++;
      if (taken instanceof Error) {
        const { code, message } = taken;
        yield { type: "missing", video, samples: evaluation.miss(at - 1, code, message), code, reason: message, done: at, total };
      } else {
        if (!taken.kept) times.push(performance.now() - begun);
        yield { type: "video", video, kept: taken.kept, done: at, total, secondsLeft: secondsLeft(times, total - at) };
      }
      if (performance.now() - told < TABLE_EVERY) continue;
      told = performance.now();
      const table = evaluation.soFar() as EvaluationTable | undefined;
      if (table) yield { type: "table", ...table };
    }
  }

  async *#wait(done: number): AsyncGenerator<EvaluateEvent, void, undefined> {
    yield { type: "paused", done };
    await this.#pausing.wait(this.#signal);
    yield { type: "resumed", done };
  }

  /** Embeds a video, or takes it from what is kept; gives the error where it cannot be used. */
  async #take(evaluation: Evaluation, video: number, signal: AbortSignal): Promise<{ kept: boolean } | SgcrError> {
    try {
      return { kept: evaluation.isWorld ? await this.#drawn(evaluation, video, signal) : await this.#file(evaluation, video, signal) };
    } catch (thrown) {
      const error = toSgcrError(thrown);
      if (isTheVideos(error)) return error;
      throw error;
    }
  }

  async #drawn(evaluation: Evaluation, video: number, signal: AbortSignal): Promise<boolean> {
    const key = evaluation.key(evaluation.worldHash(video));
    return this.#keptOr(evaluation, video, key, () => this.#step(signal, (engine) => evaluation.embedDrawn(engine, video)));
  }

  async #file(evaluation: Evaluation, video: number, signal: AbortSignal): Promise<boolean> {
    const path = evaluation.find(video);
    const file = this.#params.videos[path] as Blob;
    const sha256 = await this.#host.embeddings.hash(path, file, signal);
    return this.#keptOr(evaluation, video, evaluation.key(sha256), () => {
      const begun = performance.now();
      return withReader(file, signal, (reader) =>
        this.#step(signal, async (engine) => {
          const clip = evaluation.newClip();
          try {
            const { frameCount, fps, width, height } = reader;
            const indices = [...evaluation.choose(clip, frameCount, fps, width, height)];
            await takeFrames(reader, clip, indices, signal);
            checkSignal(signal);
            return await evaluation.embedVideo(engine, video, clip, sha256, performance.now() - begun);
          } finally {
            clip.free();
          }
        }),
      );
    });
  }

  async #keptOr(evaluation: Evaluation, video: number, key: string, embed: () => Promise<Uint8Array>): Promise<boolean> {
    const { embeddings } = this.#host;
    const kept = await embeddings.read("videos", key);
    if (kept && evaluation.takeKept(video, kept)) return true;
    await embeddings.keep("videos", key, await embed());
    return false;
  }
}
