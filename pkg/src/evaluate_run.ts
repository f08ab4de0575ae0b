/** A benchmark's run of an engine in this thread: pulls the module video by video, keeps embeddings, waits where it is told to. */

import type { ClipFrames, Evaluation, Engine as WasmEngine } from "../wasm/sgcr.js";
import { Ahead } from "./ahead.js";
import { type FilesByPath, fileOf, filesByPath } from "./chosen_files.js";
import { takeFrames, withReader } from "./clip_frames.js";
import { type RunSettings, runSettings } from "./clip_options.js";
import type { EmbeddingStore } from "./embedding_store.js";
import { EngineCrashedError, type SgcrError, checkSignal, createError, toSgcrError } from "./errors.js";
import { type Host, stoppable } from "./host.js";
import { Pausing, isTheVideos, secondsLeft } from "./pausing.js";
import type { EvaluateEvent, EvaluateOptions, EvaluationResults, EvaluationRun, EvaluationTable } from "./types_evaluate.js";

/** {@link EvaluateOptions} that can be posted: files by path, nothing that is a function. */
export interface EvaluateParams {
  /** What the module reads. */
  readonly settings: Omit<RunSettings<EvaluateOptions>, "data" | "videos">;
  /** Annotation files. */
  readonly data: FilesByPath;
  /** Videos. */
  readonly videos: FilesByPath;
}

/** What of the options crosses to the worker. */
export function evaluateParams(options: EvaluateOptions): EvaluateParams {
  const { data = {}, videos = {}, ...settings } = runSettings(options);
  return { settings, data: filesByPath(data), videos: filesByPath(videos) };
}

/** What a run needs of its engine. */
export interface EvaluateHost extends Host {
  /** Where embeddings go. */
  readonly embeddings: EmbeddingStore;
}

/** Milliseconds between two tables. */
const TABLE_EVERY = 1000;
/** Videos that are decoded ahead of the one that is embedded. */
const AHEAD = 2;

/** A video's frames, ready for the model. */
interface Decoded {
  readonly clip: ClipFrames;
  /** Of reading and decoding. */
  readonly milliseconds: number;
}

/** A video whose turn comes: what was kept of it, else its frames (none of a generated clip). */
interface Prepared {
  readonly sha256: string;
  readonly kept: Uint8Array | null;
  readonly decoded: Decoded | null;
}

/** A run in this thread. */
export class LocalEvaluation implements EvaluationRun {
  readonly #host: EvaluateHost;
  readonly #params: EvaluateParams;
  readonly #signal: AbortSignal | undefined;
  readonly #pausing: Pausing;
  /** The adapters that it began with. */
  #weights = "";

  constructor(host: EvaluateHost, params: EvaluateParams, signal: AbortSignal | undefined) {
    this.#host = host;
    this.#params = params;
    this.#signal = signal;
    this.#pausing = new Pausing(signal);
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
      const ahead = this.#ahead(evaluation);
      try {
        const [videos, captions] = [evaluation.videos.length, evaluation.waitingCaptions];
        yield { type: "start", videos, captions, lasting: await this.#host.embeddings.isLasting() };
        yield* this.#captions(evaluation);
        yield* this.#videos(evaluation, ahead);
        const results = (await this.#step(this.#signal, () => evaluation.finish())) as EvaluationResults;
        yield { type: "done", ...results };
      } catch (thrown) {
        crashed = thrown instanceof EngineCrashedError;
        throw thrown;
      } finally {
        this.#pausing.end();
        // A module that stopped frees nothing any more.
        if (!crashed) {
          ahead.drop();
          evaluation.free();
        }
        await this.#host.embeddings.flush();
      }
    } catch (thrown) {
      throw toSgcrError(thrown);
    }
  }

  async #begin(): Promise<Evaluation> {
    const { settings, data, videos } = this.#params;
    const contents: Uint8Array[] = [];
    for (const path of Object.keys(data)) {
      checkSignal(this.#signal);
      contents.push(new Uint8Array(await (await fileOf(data, path)).arrayBuffer()));
    }
    return this.#host.enqueue(this.#signal, (engine) =>
      stoppable(this.#host.wasm, this.#signal, (stop) => {
        this.#weights = JSON.stringify(engine.adapterWeights());
        return engine.evaluation(JSON.stringify(settings), Object.keys(data), contents, Object.keys(videos), stop);
      }),
    );
  }

  #ahead(evaluation: Evaluation): Ahead<Prepared> {
    return new Ahead({
      count: evaluation.videos.length,
      // A generated clip is drawn by the module, which does one thing at a time.
      most: evaluation.isWorld ? 0 : AHEAD,
      prepare: (at, signal) => this.#prepare(evaluation, at, signal),
      drop: ({ decoded }) => decoded?.clip.free(),
    });
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
      if (this.#pausing.isPaused) yield* this.#pausing.waiting({ done: 0 });
      checkSignal(this.#signal);
      const kept = await embeddings.read("texts", key);
      if (!kept || !evaluation.takeKeptCaptions(kept)) {
        const file = await this.#step(this.#signal, (engine) => evaluation.embedCaptions(engine));
        if (file) await embeddings.keep("texts", key, file);
      }
      yield { type: "captions", done: total - evaluation.waitingCaptions, total };
    }
  }

  async *#videos(evaluation: Evaluation, ahead: Ahead<Prepared>): AsyncGenerator<EvaluateEvent, void, undefined> {
    const videos = evaluation.videos;
    const total = videos.length;
    const times: number[] = [];
    let told = performance.now();
    for (let at = 0; at < total; ) {
      checkSignal(this.#signal);
      if (this.#pausing.isPaused) yield* this.#pausing.waiting({ done: at });
      const begun = performance.now();
      const video = videos[at] as string;
      const taken = await this.#pausing.attempt((signal) => this.#take(evaluation, ahead, at, signal));
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

  /** Embeds a video, or takes it from what is kept; gives the error where it cannot be used. */
  async #take(evaluation: Evaluation, ahead: Ahead<Prepared>, video: number, signal: AbortSignal): Promise<{ kept: boolean } | SgcrError> {
    try {
      const { sha256, kept, decoded } = await ahead.take(video, signal);
      // Kept by another version of this library, it cannot be used.
      if (kept && evaluation.takeKept(video, kept)) return { kept: true };
      const file = evaluation.isWorld
        ? await this.#step(signal, (engine) => evaluation.embedDrawn(engine, video))
        : await this.#embed(evaluation, video, sha256, decoded ?? (await this.#decode(evaluation, video, signal)), signal);
      await this.#host.embeddings.keep("videos", evaluation.key(sha256), file);
      return { kept: false };
    } catch (thrown) {
      const error = toSgcrError(thrown);
      if (isTheVideos(error)) return error;
      throw error;
    }
  }

  /** What goes before embedding, while other videos are embedded: those borrow the engine alone, so that `evaluation` can be asked. */
  async #prepare(evaluation: Evaluation, video: number, signal: AbortSignal): Promise<Prepared> {
    checkSignal(signal);
    const sha256 = evaluation.isWorld ? evaluation.worldHash(video) : await this.#hash(evaluation, video, signal);
    checkSignal(signal);
    const kept = await this.#host.embeddings.read("videos", evaluation.key(sha256));
    const decoded = kept || evaluation.isWorld ? null : await this.#decode(evaluation, video, signal);
    return { sha256, kept, decoded };
  }

  async #hash(evaluation: Evaluation, video: number, signal: AbortSignal): Promise<string> {
    const path = evaluation.find(video);
    return this.#host.embeddings.hash(path, await fileOf(this.#params.videos, path), signal);
  }

  async #decode(evaluation: Evaluation, video: number, signal: AbortSignal): Promise<Decoded> {
    checkSignal(signal);
    const begun = performance.now();
    const file = await fileOf(this.#params.videos, evaluation.find(video));
    return withReader(file, signal, async (reader) => {
      checkSignal(signal);
      const clip = evaluation.newClip();
      try {
        const { frameCount, fps, width, height } = reader;
        const indices = [...evaluation.choose(clip, frameCount, fps, width, height)];
        await takeFrames(reader, clip, indices, signal);
        checkSignal(signal);
        return { clip, milliseconds: performance.now() - begun };
      } catch (thrown) {
        clip.free();
        throw thrown;
      }
    });
  }

  /** Embeds a clip and lets go of it. */
  async #embed(evaluation: Evaluation, video: number, sha256: string, { clip, milliseconds }: Decoded, signal: AbortSignal): Promise<Uint8Array> {
    let begun = false;
    try {
      return await this.#step(signal, async (engine) => {
        begun = true;
        const start = performance.now();
        try {
          const embedding = await engine.encodeVideo(clip);
          return evaluation.takeVideo(video, clip, embedding, sha256, milliseconds, performance.now() - start);
        } finally {
          clip.free();
        }
      });
    } finally {
      // Called off before its turn came.
      if (!begun) clip.free();
    }
  }
}
