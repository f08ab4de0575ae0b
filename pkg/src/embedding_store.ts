/** Embeddings that are kept, each under the hash of all that it follows from, and hashes of files that did not change. */

import { unreadable } from "./chosen_files.js";
import { checkSignal } from "./errors.js";
import { type Shelf, openShelf, readJson, writeJson } from "./shelf.js";
import type { Notice } from "./types.js";
import type { Wasm } from "./wasm.js";

/** Of clips, of captions, of a video's windows. */
export type EmbeddingKind = "videos" | "texts" | "windows";

const KINDS: readonly EmbeddingKind[] = ["videos", "texts", "windows"];
const HASHES = "files";
const HASHES_FILE = "hashes.json";
/** New hashes between two writings of the list. */
const SAVE_EVERY = 32;
/** Bytes of a file read at a time. */
const PIECE = 4 << 20;

/** The embeddings kept by this browser. */
export class EmbeddingStore {
  readonly #wasm: Wasm;
  readonly #notice: (notice: Notice) => void;
  #shelf: Promise<Shelf> | null = null;
  #hashes: Record<string, string> | null = null;
  #news = 0;

  /** `notice` hears where embeddings cannot be kept. */
  constructor(wasm: Wasm, notice: (notice: Notice) => void) {
    this.#wasm = wasm;
    this.#notice = notice;
  }

  #open(): Promise<Shelf> {
    this.#shelf ??= openShelf("embeddings", this.#notice);
    return this.#shelf;
  }

  /** Whether what is kept outlives the page. */
  async isLasting(): Promise<boolean> {
    return (await this.#open()).lasting;
  }

  /** The file kept under a key; null where there is none. */
  async read(kind: EmbeddingKind, key: string): Promise<Uint8Array | null> {
    const blob = await (await this.#open()).read(kind, `${key}.safetensors`);
    return blob && new Uint8Array(await blob.arrayBuffer());
  }

  /** Keeps a file. */
  async keep(kind: EmbeddingKind, key: string, file: Uint8Array): Promise<void> {
    await (await this.#open()).write(kind, `${key}.safetensors`, new Blob([file as Uint8Array<ArrayBuffer>]));
  }

  /** The sha256 of a file; of one with the same path, size and time of change as before, what it was then. */
  async hash(path: string, file: Blob, signal: AbortSignal | undefined): Promise<string> {
    this.#hashes ??= (await readJson<Record<string, string>>(await this.#open(), HASHES, HASHES_FILE)) ?? {};
    const stamp = file instanceof File ? `${path}|${file.size}|${file.lastModified}` : null;
    const known = stamp === null ? undefined : this.#hashes[stamp];
    if (known !== undefined) return known;
    const sha256 = await this.#read(path, file, signal);
    if (stamp !== null) {
      this.#hashes[stamp] = sha256;
      this.#news++;
      if (this.#news >= SAVE_EVERY) await this.flush();
    }
    return sha256;
  }

  async #read(path: string, file: Blob, signal: AbortSignal | undefined): Promise<string> {
    const hash = new this.#wasm.FileHash();
    try {
      for (let begin = 0; begin < file.size; begin += PIECE) {
        checkSignal(signal);
        hash.update(new Uint8Array(await file.slice(begin, begin + PIECE).arrayBuffer()));
      }
    } catch (thrown) {
      hash.free();
      throw unreadable(path, thrown);
    }
    return hash.finish();
  }

  /** Writes what is new of the hashes. */
  async flush(): Promise<void> {
    if (this.#news === 0 || !this.#hashes) return;
    this.#news = 0;
    await writeJson(await this.#open(), HASHES, HASHES_FILE, this.#hashes);
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    const shelf = await this.#open();
    for (const folder of [...KINDS, HASHES]) await shelf.remove(folder);
    this.#hashes = null;
    this.#news = 0;
  }
}
