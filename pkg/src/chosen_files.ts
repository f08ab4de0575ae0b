/** Files that a user chose, by their path below the folder they lie in. */

import { InvalidInputError } from "./errors.js";
import type { ChosenFiles } from "./types_evaluate.js";

/** Blobs by path; what crosses to the worker, where a File forgets its folder. */
export type FilesByPath = Readonly<Record<string, Blob>>;

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
