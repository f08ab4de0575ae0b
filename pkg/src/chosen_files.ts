/** Files that a user chose, by their path below the folder they lie in. */

import { InvalidInputError, createError } from "./errors.js";
import type { ChosenFile, ChosenFiles } from "./types_runs.js";

/** Files by path; what crosses to the worker, where a File forgets its folder. */
export type FilesByPath = Readonly<Record<string, ChosenFile>>;

/** Files by path: the chosen folder's own name is left out, as a program that is given the folder has it. */
export function filesByPath(chosen: ChosenFiles): FilesByPath {
  if (!Array.isArray(chosen)) return chosen as FilesByPath;
  const files: Record<string, Blob> = {};
  for (const file of chosen as readonly File[]) {
    const path = file.webkitRelativePath.split("/").slice(1).join("/") || file.name;
    if (path in files) throw new InvalidInputError(`files: two are called ${path}; choose the folder that they lie in`);
    files[path] = file;
  }
  return files;
}

/**
 * The files of a folder that `showDirectoryPicker` opened, and of the folders within, by path. Only names are read; a file
 * is opened when a run comes to it.
 *
 * @throws {@link SgcrError} "io" where the folder cannot be listed
 */
export async function filesOfFolder(folder: FileSystemDirectoryHandle): Promise<Record<string, FileSystemFileHandle>> {
  const found: [path: string, file: FileSystemFileHandle][] = [];
  const waiting: [path: string, folder: FileSystemDirectoryHandle][] = [["", folder]];
  try {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      for await (const [name, entry] of next[1].entries()) {
        const path = next[0] + name;
        if (entry.kind === "file") found.push([path, entry as FileSystemFileHandle]);
        else waiting.push([`${path}/`, entry as FileSystemDirectoryHandle]);
      }
    }
  } catch (thrown) {
    throw unreadable(`the folder ${folder.name}`, thrown);
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A chosen file's content, as it is now. */
export async function fileOf(files: FilesByPath, path: string): Promise<Blob> {
  const file = files[path];
  if (!file) throw createError("io", `cannot read ${path}: it is not among the chosen files`);
  if (file instanceof Blob) return file;
  try {
    return await file.getFile();
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

/** What the browser says of a file that is gone, has changed or may not be read. */
export function unreadable(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof DOMException)) return thrown;
  return createError("io", `cannot read ${path}: ${thrown.message}`, { cause: thrown });
}
