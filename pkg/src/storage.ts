/** Downloaded model files in the browser's cache, and what can be done with them. */

import { checkSignal } from "./errors.js";

const CACHE = "sgcr-models";
/** Our own copies of headers: servers may not send them, and a cached body has no length otherwise. */
const SIZE_HEADER = "x-sgcr-size";

/** One cached file. */
export interface CachedFile {
  /** Its address. */
  readonly url: string;
  /** Bytes. */
  readonly size: number;
}

/** What tells whether a server's file is still the one we kept. */
export interface Validators {
  /** `etag` header, or empty. */
  readonly etag: string;
  /** `last-modified` header, or empty. */
  readonly modified: string;
}

/** The validators of a response. */
export function validatorsOf(response: Response): Validators {
  return { etag: response.headers.get("etag") ?? "", modified: response.headers.get("last-modified") ?? "" };
}

/** The cache, or null where the browser refuses one (no secure context, private windows, site data blocked). */
export async function openCache(): Promise<Cache | null> {
  try {
    return await caches.open(CACHE);
  } catch {
    return null;
  }
}

/** A kept file, where its validators are those given. */
export async function readCached(cache: Cache, url: string, wanted: Validators | null): Promise<Blob | null> {
  const kept = await cache.match(url);
  if (!kept) return null;
  if (wanted) {
    const have = validatorsOf(kept);
    if (have.etag !== wanted.etag || have.modified !== wanted.modified) return null;
  }
  const blob = await kept.blob();
  return blob.size === Number(kept.headers.get(SIZE_HEADER)) ? blob : null;
}

/**
 * Streams a response into the cache and gives the file back from there.
 *
 * @throws whatever the browser says where it has no room
 */
export async function writeCached(
  cache: Cache,
  url: string,
  blob: Blob,
  validators: Validators,
  signal?: AbortSignal,
): Promise<Blob> {
  checkSignal(signal);
  const headers = { [SIZE_HEADER]: String(blob.size), etag: validators.etag, "last-modified": validators.modified };
  await cache.put(url, new Response(blob, { headers }));
  // From here on the copy in the cache is used, and the one in memory can go.
  return (await readCached(cache, url, null)) ?? blob;
}

/** Every model file in the cache. */
export async function listCached(): Promise<CachedFile[]> {
  const cache = await openCache();
  if (!cache) return [];
  const requests = await cache.keys();
  const files = requests.map(async ({ url }) => {
    const kept = await cache.match(url);
    return { url, size: Number(kept?.headers.get(SIZE_HEADER) ?? 0) };
  });
  return Promise.all(files);
}

/** Deletes the model files below an address, or all of them. Returns how many there were. */
export async function deleteCached(base = ""): Promise<number> {
  const cache = await openCache();
  if (!cache) return 0;
  const requests = (await cache.keys()).filter(({ url }) => url.startsWith(base));
  await Promise.all(requests.map((request) => cache.delete(request)));
  return requests.length;
}
