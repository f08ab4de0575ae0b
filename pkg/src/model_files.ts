/** A model folder's files as Blobs: from a server through the browser's cache, or at hand already. */

import { AbortedError, FetchError, InvalidInputError, checkSignal, isAbort } from "./errors.js";
import { openCache, readCached, validatorsOf, writeCached } from "./storage.js";
import type { ModelSource, Notice } from "./types.js";

/** Files by name, and how the folder is named in messages. */
export interface ModelBlobs {
  /** For messages. */
  readonly name: string;
  /** The files. */
  readonly files: Map<string, Blob>;
}

/** What downloading reports to. */
export interface DownloadHooks {
  /** Ends the download. */
  readonly signal?: AbortSignal | undefined;
  /** Bytes so far, and in all where known (0 otherwise). */
  progress(done: number, total: number): void;
  /** What the user should know. */
  notice(notice: Notice): void;
}

const INDEX = "model.safetensors.index.json";
const SMALL_FILES = ["config.json", "preprocessor_config.json", "tokenizer.json", INDEX];
const SINGLE_FILES = ["model.safetensors", "checkpoint.safetensors"];

/** The files of a picker or a drop, by name. */
export function localModel(source: readonly File[] | Readonly<Record<string, Blob>>): ModelBlobs {
  const entries: [string, Blob][] = Array.isArray(source)
    ? source.map((file: File) => [file.name, file])
    : Object.entries(source as Record<string, Blob>);
  if (entries.length === 0) {
    throw new InvalidInputError("model: no files; pick the folder that has config.json and model.safetensors in it");
  }
  const folder = Array.isArray(source) ? (source[0] as File).webkitRelativePath.split("/")[0] : "";
  return { name: folder || "the picked folder", files: new Map(entries) };
}

/** A folder's address with a slash at its end, seen from the page. */
export function folderUrl(source: string | URL, base: string): string {
  let url: URL;
  try {
    url = new URL(source, base);
  } catch (cause) {
    throw new InvalidInputError(`model: "${String(source)}" is no address`, { cause });
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url.href;
}

/** Whether a model source is an address. */
export function isAddress(source: ModelSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

async function request(url: string, signal: AbortSignal | undefined, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: signal ?? null });
  } catch (cause) {
    if (isAbort(cause) || signal?.aborted) throw new AbortedError("stopped on request", { cause });
    const reason = `${(cause as Error).message} (is the server there, and does it allow this page to read it by CORS?)`;
    throw new FetchError(`cannot fetch ${url}: ${reason}`, { cause });
  }
}

/** False for a file that the server does not have; single-page servers answer those with their HTML page. */
function isThere(response: Response, url: string): boolean {
  if ([403, 404, 410].includes(response.status)) return false;
  if (!response.ok) {
    throw new FetchError(`cannot fetch ${url}: the server answers ${response.status} ${response.statusText}`);
  }
  return !(response.headers.get("content-type") ?? "").startsWith("text/html");
}

/** Reads a body as a Blob and reports each piece; a Blob because the browser may keep it outside of this thread. */
async function readBody(response: Response, url: string, signal: AbortSignal | undefined, count: (n: number) => void) {
  const reader = response.body?.getReader();
  const pieces: Blob[] = [];
  try {
    for (;;) {
      const piece = await reader?.read();
      if (!piece || piece.done) break;
      pieces.push(new Blob([piece.value]));
      count(piece.value.byteLength);
    }
  } catch (cause) {
    if (isAbort(cause) || signal?.aborted) throw new AbortedError("stopped on request", { cause });
    throw new FetchError(`cannot fetch ${url}: the connection broke (${(cause as Error).message}); try again`, { cause });
  }
  return new Blob(pieces);
}

class Download {
  readonly files = new Map<string, Blob>();
  #done = 0;
  #total = 0;

  constructor(
    readonly base: string,
    readonly cache: Cache | null,
    readonly hooks: DownloadHooks,
  ) {}

  expect(bytes: number): void {
    this.#total += bytes;
  }

  #count(bytes: number): void {
    this.#done += bytes;
    this.hooks.progress(this.#done, Math.max(this.#done, this.#total));
  }

  /** JSON files: always asked for, so that a changed model is seen; kept ones serve where there is no network. */
  async small(file: string): Promise<Blob | null> {
    const url = this.base + file;
    const { signal } = this.hooks;
    let response: Response;
    try {
      response = await request(url, signal, { cache: "no-cache" });
    } catch (error) {
      const kept = error instanceof FetchError && this.cache ? await readCached(this.cache, url, null) : null;
      if (!kept) throw error;
      this.files.set(file, kept);
      return kept;
    }
    if (!isThere(response, url)) return null;
    const blob = await readBody(response, url, signal, () => {});
    this.files.set(file, await this.#keep(url, blob, response));
    return blob;
  }

  /** Weights: the kept file where the server's is still the same (or cannot be asked). */
  async weights(file: string, size: number | null): Promise<boolean> {
    const url = this.base + file;
    const { signal } = this.hooks;
    checkSignal(signal);
    const kept = this.cache && (await this.#current(this.cache, url));
    if (kept) {
      if (size === null) this.expect(kept.size);
      this.#count(kept.size);
      this.files.set(file, kept);
      return true;
    }
    const response = await request(url, signal);
    if (!isThere(response, url)) return false;
    if (size === null) this.expect(Number(response.headers.get("content-length") ?? 0));
    const blob = await readBody(response, url, signal, (bytes) => this.#count(bytes));
    this.files.set(file, await this.#keep(url, blob, response));
    return true;
  }

  async #current(cache: Cache, url: string): Promise<Blob | null> {
    const kept = await readCached(cache, url, null);
    if (!kept) return null;
    let head: Response;
    try {
      head = await request(url, this.hooks.signal, { method: "HEAD", cache: "no-cache" });
    } catch (error) {
      if (error instanceof FetchError) return kept;
      throw error;
    }
    return head.ok ? readCached(cache, url, validatorsOf(head)) : null;
  }

  #refused = false;

  async #keep(url: string, blob: Blob, response: Response): Promise<Blob> {
    if (!this.cache || this.#refused) return blob;
    try {
      return await writeCached(this.cache, url, blob, validatorsOf(response), this.hooks.signal);
    } catch (error) {
      if (isAbort(error)) throw error;
      this.#refused = true;
      this.hooks.notice(refusal(`${(error as Error).name}: ${(error as Error).message}`));
      return blob;
    }
  }
}

function refusal(reason: string): Notice {
  const message = `The browser refused to keep the model (${reason}); it works, but is downloaded again next time.`;
  return { code: "storage-refused", message };
}

function shardsOf(index: string): { shards: string[]; size: number } | null {
  try {
    const { metadata, weight_map: map } = JSON.parse(index) as {
      metadata?: { total_size?: number };
      weight_map?: Record<string, string>;
    };
    return { shards: [...new Set(Object.values(map ?? {}))].sort(), size: metadata?.total_size ?? 0 };
  } catch {
    // The Rust reader tells what is wrong with it, by line and column.
    return null;
  }
}

/**
 * Downloads a model folder, one shard after another. Files that the server lacks are left out: the reader of the
 * folder knows which of them matter.
 */
export async function downloadModel(base: string, useCache: boolean, hooks: DownloadHooks): Promise<ModelBlobs> {
  const cache = useCache ? await openCache() : null;
  if (useCache && !cache) hooks.notice(refusal("no storage in this window"));
  const download = new Download(base, cache, hooks);
  for (const file of SMALL_FILES) await download.small(file);
  const index = download.files.get(INDEX);
  const listed = index ? shardsOf(await index.text()) : null;
  if (listed) {
    download.expect(listed.size);
    for (const shard of listed.shards) await download.weights(shard, listed.size);
  } else {
    for (const file of SINGLE_FILES) if (await download.weights(file, null)) break;
  }
  return { name: base, files: download.files };
}
