/** The user's videos as clips that text can find, in this thread. */

import type { Library, LibraryVideo, Engine as WasmEngine } from "../wasm/sgcr.js";
import { Behind } from "./behind.js";
import { type FilesByPath, fileOf, filesByPath } from "./chosen_files.js";
import { withReader } from "./clip_frames.js";
import { type RunSettings, runSettings } from "./clip_options.js";
import type { EmbeddingStore } from "./embedding_store.js";
import { EngineCrashedError, InvalidInputError, type SgcrError, checkSignal, createError, toSgcrError } from "./errors.js";
import { type Host, stoppable } from "./host.js";
import { Pausing, isTheVideos } from "./pausing.js";
import type { ChosenFiles } from "./types_runs.js";
import type { IndexEvent, IndexOptions, IndexRun, LibraryInfo, SearchHit, SearchOptions } from "./types_search.js";
import type { FrameReader } from "./video.js";

/** {@link IndexOptions} that can be posted. */
export interface IndexParams {
  /** What the module reads. */
  readonly settings: RunSettings<IndexOptions>;
  /** Videos. */
  readonly videos: FilesByPath;
}

/** What of the options crosses to the worker. */
export function indexParams(videos: ChosenFiles, options: IndexOptions): IndexParams {
  return { settings: runSettings(options), videos: filesByPath(videos) };
}

/** What lies beside videos and is none; the native program passes it over, too. */
const NO_VIDEOS = /(^|\/)\.|\.(json|jsonl|csv|tsv|txt|md|srt|vtt|xml|pkl|zip|part)$/i;
/** Frames between two reports. */
const TOLD_EVERY = 32;
/** Windows that may wait to be embedded while frames are decoded. */
const BEHIND = 2;

/** The videos that an engine can search. */
export class LocalLibrary {
  readonly #host: Host;
  readonly #embeddings: EmbeddingStore;
  /** Those indexed so far, and the adapters they were embedded with. */
  #open: { library: Library; weights: string } | null = null;

  /** Empty. */
  constructor(host: Host, embeddings: EmbeddingStore) {
    this.#host = host;
    this.#embeddings = embeddings;
  }

  /** Indexes videos, in place of those before. */
  index(params: IndexParams, signal: AbortSignal | undefined): IndexRun {
    return new LocalIndexRun(this.#host, this.#embeddings, params, signal, (open) => {
      const { library } = this.#open ?? {};
      this.#open = open;
      library?.free();
    });
  }

  /** See {@link Searching.search}. */
  async search(texts: readonly string[], { top = 5, overlapping = false, signal }: SearchOptions = {}): Promise<SearchHit[][]> {
    if (!Array.isArray(texts) || texts.length === 0 || texts.some((text) => typeof text !== "string")) {
      throw new InvalidInputError("texts: give a list of strings, at least one");
    }
    return this.#host.enqueue(signal, async (engine) => {
      if (!this.#open) throw new InvalidInputError("search: no video is indexed yet; index some first");
      const { library, weights } = this.#open;
      checkWeights(engine, weights);
      const hits = await stoppable(this.#host.wasm, signal, (stop) => library.search(engine, [...texts], top, overlapping, stop));
      return hits as SearchHit[][];
    });
  }
}

function checkWeights(engine: WasmEngine, weights: string): void {
  if (JSON.stringify(engine.adapterWeights()) === weights) return;
  throw createError("different-run", "the model's adapters were changed since the videos were indexed; index them again");
}

/** A run in this thread. */
class LocalIndexRun implements IndexRun {
  readonly #host: Host;
  readonly #embeddings: EmbeddingStore;
  readonly #params: IndexParams;
  readonly #signal: AbortSignal | undefined;
  readonly #opened: (open: { library: Library; weights: string }) => void;
  readonly #pausing: Pausing;

  constructor(
    host: Host,
    embeddings: EmbeddingStore,
    params: IndexParams,
    signal: AbortSignal | undefined,
    opened: (open: { library: Library; weights: string }) => void,
  ) {
    this.#host = host;
    this.#embeddings = embeddings;
    this.#params = params;
    this.#signal = signal;
    this.#opened = opened;
    this.#pausing = new Pausing(signal);
  }

  pause(): void {
    this.#pausing.pause();
  }

  resume(): void {
    this.#pausing.resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<IndexEvent, void, undefined> {
    try {
      const paths = Object.keys(this.#params.videos).filter((path) => !NO_VIDEOS.test(path)).sort(byBytes);
      if (paths.length === 0) throw new InvalidInputError("videos: there is none among the chosen files");
      const { library, weights } = await this.#begin();
      this.#opened({ library, weights });
      yield { type: "start", videos: paths.length, lasting: await this.#embeddings.isLasting() };
      try {
        yield* this.#videos(new Indexing(this.#host, this.#embeddings, this.#params.videos, library, weights), paths);
      } finally {
        this.#pausing.end();
        await this.#embeddings.flush();
      }
      const about = await this.#host.enqueue(this.#signal, async () => library.about() as LibraryInfo);
      yield { type: "done", ...about };
    } catch (thrown) {
      throw toSgcrError(thrown);
    }
  }

  #begin(): Promise<{ library: Library; weights: string }> {
    return this.#host.enqueue(this.#signal, (engine) =>
      stoppable(this.#host.wasm, this.#signal, async (stop) => {
        const weights = JSON.stringify(engine.adapterWeights());
        return { library: await engine.library(JSON.stringify(this.#params.settings), stop), weights };
      }),
    );
  }

  async *#videos(indexing: Indexing, paths: readonly string[]): AsyncGenerator<IndexEvent, void, undefined> {
    const total = paths.length;
    for (let at = 0; at < total; ) {
      checkSignal(this.#signal);
      if (this.#pausing.isPaused) yield* this.#pausing.waiting({ done: at });
      const video = paths[at] as string;
      const queue: IndexEvent[] = [];
      let wake = (): void => {};
      const taking = this.#pausing.attempt((signal) =>
        indexing.take(video, signal, (stage, done, frames) => {
          queue.push({ type: "frames", video, stage, done, total: frames });
          wake();
        }),
      );
      const ended = taking.then(
        () => true,
        () => true,
      );
      // A film takes minutes: what is reported on the way is handed on at once.
      for (let over = false; !over; ) {
        for (let event = queue.shift(); event; event = queue.shift()) yield event;
        const news = new Promise<boolean>((resolve) => {
          wake = () => resolve(false);
        });
        over = queue.length === 0 && (await Promise.race([ended, news]));
      }
      const taken = await taking;
      if (taken === null) continue;
      at++;
      if (taken instanceof Error) yield { type: "skipped", video, code: taken.code, reason: taken.message, done: at, total };
      else yield { type: "video", video, kept: taken.kept, done: at, total };
    }
  }
}

/** As the native program sorts names. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

type Told = (stage: "cuts" | "windows", done: number, frames: number) => void;

/** Videos on their way into a library. */
class Indexing {
  constructor(
    readonly host: Host,
    readonly embeddings: EmbeddingStore,
    readonly files: FilesByPath,
    readonly library: Library,
    readonly weights: string,
  ) {}

  /** Embeds a video's windows, or takes them from what is kept; gives the error where it cannot be used. */
  async take(path: string, signal: AbortSignal, told: Told): Promise<{ kept: boolean } | SgcrError> {
    try {
      return { kept: await this.#take(path, signal, told) };
    } catch (thrown) {
      const error = toSgcrError(thrown);
      if (error instanceof EngineCrashedError || !isTheVideos(error)) throw error;
      await this.host.enqueue(signal, async () => this.library.skip(path, error.code, error.message));
      return error;
    }
  }

  async #take(path: string, signal: AbortSignal, told: Told): Promise<boolean> {
    const file = await fileOf(this.files, path);
    const sha256 = await this.embeddings.hash(path, file, signal);
    const key = this.library.key(sha256);
    const kept = await this.embeddings.read("windows", key);
    if (kept && (await this.host.enqueue(signal, async () => this.library.addKept(path, kept)))) return true;
    const made = await withReader(file, signal, (reader) =>
      this.host.enqueue(signal, async (engine) => {
        checkWeights(engine, this.weights);
        const { frameCount, fps, width, height } = reader;
        const video = this.library.begin(frameCount, fps, width, height);
        let taken = false;
        try {
          await this.#embed(engine, video, reader, signal, told);
          taken = true;
          return this.library.addNew(path, video, sha256);
        } finally {
          // Handed over, it is the module's.
          if (!taken) video.free();
        }
      }),
    );
    await this.embeddings.keep("windows", key, made);
    return false;
  }

  async #embed(engine: WasmEngine, video: LibraryVideo, reader: FrameReader, signal: AbortSignal, told: Told): Promise<void> {
    if (video.wantsAll) {
      const all = Array.from({ length: reader.frameCount }, (_, frame) => frame);
      let done = 0;
      for await (const { width, height, data } of reader.frames(all)) {
        checkSignal(signal);
        video.see(width, height, data as Uint8Array);
        if (++done % TOLD_EVERY === 0) told("cuts", done, all.length);
      }
    }
    const wanted = [...video.plan()];
    const embedding = new Behind(BEHIND);
    let done = 0;
    try {
      for await (const { width, height, data } of reader.frames(wanted)) {
        checkSignal(signal);
        done++;
        for (let ready = video.take(width, height, data as Uint8Array); ready > 0; ready--) {
          const shown = done;
          await embedding.add(() => embedWindow(engine, video, signal).then(() => told("windows", shown, wanted.length)));
        }
      }
      await embedding.end();
    } finally {
      // The engine is let go of when nothing uses it any more.
      await embedding.over();
    }
  }
}

/** Embeds the next window that is ready. */
async function embedWindow(engine: WasmEngine, video: LibraryVideo, signal: AbortSignal): Promise<void> {
  checkSignal(signal);
  const clip = video.nextWindow();
  if (!clip) return;
  try {
    video.embedded(await engine.encodeVideo(clip));
  } finally {
    clip.free();
  }
}
