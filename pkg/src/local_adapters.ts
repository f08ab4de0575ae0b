/** Adapters of an engine in this thread. */

import type { ClipFrames, Engine as WasmEngine } from "../wasm/sgcr.js";
import { takeFrames, withReader } from "./clip_frames.js";
import { InvalidInputError, checkSignal, createError } from "./errors.js";
import { type Host, type RustEvent, stoppable } from "./host.js";
import { type Shelf, newId, openShelf, readJson, writeJson } from "./shelf.js";
import type { CallOptions, Scores } from "./types.js";
import type {
  AdapterFiles,
  AdapterInfo,
  AdapterWeights,
  Adapters,
  ComparedCell,
  ComparedChoice,
  ComparedPair,
  ImportOptions,
} from "./types_adapters.js";

const FILES = ["adapter_config.json", "adapter_model.safetensors"] as const;
const ABOUT = "about.json";

/** What is known of an adapter beside its files. */
interface About {
  name: string;
  created: string;
  baseSha256: string | null;
  bytes: number;
  /** It was taken although its files name another base. */
  anyBase: boolean;
}

/** The adapters kept by this browser, and those on this engine. */
export class LocalAdapters implements Adapters {
  readonly #host: Host;
  #shelf: Promise<Shelf> | null = null;

  constructor(host: Host) {
    this.#host = host;
  }

  #open(): Promise<Shelf> {
    this.#shelf ??= openShelf("adapters", (notice) => this.#host.notice(notice));
    return this.#shelf;
  }

  async list(): Promise<AdapterInfo[]> {
    const shelf = await this.#open();
    const { base, weights } = await this.#host.enqueue(undefined, async (engine) => ({
      base: await engine.fingerprint(),
      weights: engine.adapterWeights() as Record<string, number>,
    }));
    const infos: AdapterInfo[] = [];
    for (const id of await shelf.folders()) {
      const about = await readJson<About>(shelf, id, ABOUT);
      // A folder that is being written by another tab has none yet.
      if (about) infos.push(info(id, about, base, weights[id] ?? 0));
    }
    return infos.sort((a, b) => b.created.localeCompare(a.created) || a.id.localeCompare(b.id));
  }

  /** Keeps files, the description last: a folder with one is whole. */
  async keep(name: string, files: AdapterFiles, baseSha256: string | null, anyBase = false): Promise<string> {
    const shelf = await this.#open();
    const id = newId();
    let bytes = 0;
    for (const file of FILES) {
      const data = files[file];
      if (!data) throw createError("missing-file", `the adapter has no ${file}: an adapter is a folder with ${FILES.join(" and ")}`);
      await shelf.write(id, file, data);
      bytes += data.size;
    }
    const about: About = { name, created: new Date().toISOString(), baseSha256, bytes, anyBase };
    await writeJson(shelf, id, ABOUT, about);
    return id;
  }

  async rename(id: string, name: string): Promise<void> {
    if (name.trim() === "") throw new InvalidInputError("name: give the adapter a name");
    const { shelf, about } = await this.#about(id);
    await writeJson(shelf, id, ABOUT, { ...about, name });
  }

  async delete(id: string): Promise<void> {
    const { shelf } = await this.#about(id);
    await this.#host.enqueue(undefined, async (engine) => {
      if (id in (engine.adapterWeights() as object)) engine.dropAdapter(id);
    });
    await shelf.remove(id);
  }

  async use(weights: AdapterWeights): Promise<void> {
    const wanted = Object.entries(weights).filter(([, weight]) => weight !== 0);
    const files = new Map<string, { files: AdapterFiles; anyBase: boolean }>();
    for (const [id] of wanted) {
      const { about } = await this.#about(id);
      files.set(id, { files: await this.export(id), anyBase: about.anyBase });
    }
    await this.#host.enqueue(undefined, async (engine) => {
      const loaded = engine.adapterWeights() as Record<string, number>;
      for (const [id, { files: of, anyBase }] of files) {
        if (!(id in loaded)) await this.#load(engine, id, of, anyBase);
      }
      engine.setAdapterWeights(wanted.map(([id]) => id), new Float64Array(wanted.map(([, weight]) => weight)));
      for (const id of Object.keys(loaded)) if (!files.has(id)) engine.dropAdapter(id);
    });
  }

  async #load(engine: WasmEngine, id: string, files: AdapterFiles, anyBase: boolean): Promise<string | undefined> {
    const onEvent = (event: RustEvent): void => {
      if (event.type === "notice") this.#host.notice({ code: event.code, message: event.message });
    };
    return engine.loadAdapter(id, Object.keys(files), Object.values(files), anyBase, onEvent);
  }

  async export(id: string): Promise<AdapterFiles> {
    const { shelf } = await this.#about(id);
    const files: Record<string, Blob> = {};
    for (const file of FILES) {
      const data = await shelf.read(id, file);
      if (!data) throw createError("missing-file", `adapter ${id} has lost its ${file}; delete it`);
      files[file] = data;
    }
    return files;
  }

  async import(given: readonly File[] | AdapterFiles, options: ImportOptions = {}): Promise<AdapterInfo> {
    const all = Array.isArray(given) ? Object.fromEntries((given as File[]).map((file) => [file.name, file])) : (given as AdapterFiles);
    const anyBase = options.anyBase ?? false;
    // Under a name of its own: it is held against the model, kept, and loaded again when it is used.
    const trial = newId();
    const baseSha256 = await this.#host.enqueue(undefined, async (engine) => {
      const sha256 = await this.#load(engine, trial, all, anyBase);
      engine.dropAdapter(trial);
      return sha256 ?? null;
    });
    const id = await this.keep(options.name ?? "adapter", all, baseSha256, anyBase);
    const { about } = await this.#about(id);
    const base = await this.#host.enqueue(undefined, (engine) => engine.fingerprint());
    return info(id, about, base, 0);
  }

  async compare(
    pairs: readonly ComparedPair[],
    choices: readonly AdapterWeights[],
    options: CallOptions = {},
  ): Promise<ComparedChoice[]> {
    if (pairs.length === 0) throw new InvalidInputError("pairs: give at least one clip to compare on");
    if (pairs.some(({ nearMisses }) => nearMisses.length === 0)) {
      throw new InvalidInputError("nearMisses: give at least one for each clip");
    }
    const { signal, onProgress } = options;
    const before = await this.#host.enqueue(signal, async (engine) => engine.adapterWeights() as AdapterWeights);
    const clips: ClipFrames[] = [];
    const total = pairs.length * (choices.length + 1);
    let done = 0;
    const step = (): void => onProgress?.({ fraction: ++done / total, stage: "encode", done, total });
    try {
      for (const { clip } of pairs) {
        clips.push(await this.#frames(clip, signal));
        step();
      }
      const compared: ComparedChoice[] = [];
      for (const weights of choices) {
        await this.use(weights);
        const cells: ComparedCell[] = [];
        for (const [at, pair] of pairs.entries()) {
          cells.push(await this.#cell(clips[at] as ClipFrames, pair, signal));
          step();
        }
        compared.push(choice(weights, cells));
      }
      return compared;
    } finally {
      for (const clip of clips) clip.free();
      await this.use(before);
    }
  }

  #frames(input: ComparedPair["clip"], signal: AbortSignal | undefined): Promise<ClipFrames> {
    return withReader(input, signal, (reader) =>
      this.#host.enqueue(signal, async (engine) => {
        const clip = engine.newClip(undefined, undefined, undefined, undefined);
        try {
          const { frameCount, fps, width, height } = reader;
          await takeFrames(reader, clip, [...clip.indices(frameCount, fps, width, height)], signal);
          return clip;
        } catch (thrown) {
          clip.free();
          throw thrown;
        }
      }),
    );
  }

  #cell(clip: ClipFrames, { caption, nearMisses }: ComparedPair, signal: AbortSignal | undefined): Promise<ComparedCell> {
    return this.#host.enqueue(signal, async (engine) => {
      const captions = [caption, ...nearMisses];
      const texts = await stoppable(this.#host.wasm, signal, (stop) => engine.encodeText(captions, () => {}, stop));
      const embedding = await engine.encodeVideo(clip);
      checkSignal(signal);
      const { captions: scored } = (await engine.score(embedding, texts, captions)) as Scores;
      const [cosine = 0, ...others] = scored.map((score) => score.cosine);
      const margin = cosine - Math.max(...others);
      return { cosine, nearMisses: others, margin, right: margin > 0 };
    });
  }

  async #about(id: string): Promise<{ shelf: Shelf; about: About }> {
    const shelf = await this.#open();
    const about = await readJson<About>(shelf, id, ABOUT);
    if (!about) throw new InvalidInputError(`adapter ${id}: there is none; it may have been deleted in another tab`);
    return { shelf, about };
  }
}

function info(id: string, about: About, base: string, weight: number): AdapterInfo {
  const { name, created, bytes, baseSha256, anyBase } = about;
  return { id, name, created, bytes, baseSha256, fitsBase: anyBase || baseSha256 === null || baseSha256 === base, weight };
}

function choice(weights: AdapterWeights, cells: readonly ComparedCell[]): ComparedChoice {
  const mean = (of: (cell: ComparedCell) => number): number => cells.reduce((sum, cell) => sum + of(cell), 0) / cells.length;
  return { weights, accuracy: mean(({ right }) => Number(right)), margin: mean(({ margin }) => margin), cells };
}
