/**
 * Small files by folder, kept for this site in the origin's private file system; in memory where the browser refuses that.
 * Every page and worker of the site sees the same; a file is written beside its place and takes it when it is whole.
 */

import type { Notice } from "./types.js";

const ROOT = "sgcr";

/** Folders of files. */
export interface Shelf {
  /** Whether it outlives the page. */
  readonly lasting: boolean;
  /** Its folders. */
  folders(): Promise<string[]>;
  /** A file, null where there is none. */
  read(folder: string, file: string): Promise<Blob | null>;
  /** Writes a file, in place of an old one. */
  write(folder: string, file: string, data: Blob): Promise<void>;
  /** Deletes a folder, if it is there. */
  remove(folder: string): Promise<void>;
}

/** An id that nobody else has. */
export function newId(): string {
  // randomUUID exists in secure contexts alone.
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Opens a shelf; `notice` hears where files cannot be kept. */
export async function openShelf(name: "adapters" | "runs" | "embeddings", notice: (notice: Notice) => void): Promise<Shelf> {
  const refused = (reason: string): void => {
    const message = `The browser keeps no files here (${reason}): adapters, runs and embeddings are gone when this page is`;
    notice({ code: "storage-refused", message });
  };
  try {
    const root = await navigator.storage.getDirectory();
    const ours = await (await root.getDirectoryHandle(ROOT, { create: true })).getDirectoryHandle(name, { create: true });
    if ("createWritable" in FileSystemFileHandle.prototype) return new PrivateShelf(ours, new MemoryShelf(), refused);
    refused("it writes no files outside of its own tools");
  } catch (thrown) {
    refused((thrown as Error).message);
  }
  return new MemoryShelf();
}

/** In memory. */
export class MemoryShelf implements Shelf {
  readonly lasting = false;
  readonly #folders = new Map<string, Map<string, Blob>>();

  async folders(): Promise<string[]> {
    return [...this.#folders.keys()];
  }

  async read(folder: string, file: string): Promise<Blob | null> {
    return this.#folders.get(folder)?.get(file) ?? null;
  }

  async write(folder: string, file: string, data: Blob): Promise<void> {
    const files = this.#folders.get(folder) ?? new Map<string, Blob>();
    this.#folders.set(folder, files.set(file, data));
  }

  async remove(folder: string): Promise<void> {
    this.#folders.delete(folder);
  }
}

/** In the origin's private file system; what finds no room there is kept in memory. */
class PrivateShelf implements Shelf {
  readonly lasting = true;

  constructor(
    readonly root: FileSystemDirectoryHandle,
    readonly spare: MemoryShelf,
    readonly refused: (reason: string) => void,
  ) {}

  async folders(): Promise<string[]> {
    const names = new Set(await this.spare.folders());
    for await (const name of this.root.keys()) names.add(name);
    return [...names];
  }

  async read(folder: string, file: string): Promise<Blob | null> {
    const spare = await this.spare.read(folder, file);
    if (spare) return spare;
    try {
      const handle = await (await this.root.getDirectoryHandle(folder)).getFileHandle(file);
      return await handle.getFile();
    } catch (thrown) {
      if (isMissing(thrown)) return null;
      throw thrown;
    }
  }

  async write(folder: string, file: string, data: Blob): Promise<void> {
    try {
      const handle = await (await this.root.getDirectoryHandle(folder, { create: true })).getFileHandle(file, { create: true });
      const writable = await handle.createWritable();
      try {
        await writable.write(data);
      } catch (thrown) {
        await writable.abort();
        throw thrown;
      }
      await writable.close();
    } catch (thrown) {
      this.refused((thrown as Error).message);
      await this.spare.write(folder, file, data);
    }
  }

  async remove(folder: string): Promise<void> {
    await this.spare.remove(folder);
    try {
      await this.root.removeEntry(folder, { recursive: true });
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
    }
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === "NotFoundError";
}

/** A file's JSON, null where it is missing or damaged. */
export async function readJson<T>(shelf: Shelf, folder: string, file: string): Promise<T | null> {
  const blob = await shelf.read(folder, file);
  if (!blob) return null;
  try {
    return JSON.parse(await blob.text()) as T;
  } catch {
    return null;
  }
}

/** Writes a value as JSON. */
export function writeJson(shelf: Shelf, folder: string, file: string, value: unknown): Promise<void> {
  return shelf.write(folder, file, new Blob([JSON.stringify(value)], { type: "application/json" }));
}
