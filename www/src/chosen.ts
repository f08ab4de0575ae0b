/** Files that the user chose: several files, a folder, or a folder that is opened and read file by file as it is used. */

import { type ChosenFiles, filesOfFolder } from "sgcr";
import { Cell } from "./cell.js";
import { inWords, nearest } from "./chosen_names.js";
import { element } from "./dom.js";
import { attempt } from "./work.js";

/** What a view chooses files with, by the elements' ids. */
export interface ChoosingParts {
  /** Inputs, of files or of a folder. */
  readonly inputs: readonly string[];
  /** The paragraph that says what is chosen. */
  readonly told: string;
  /** The button that opens a folder; it is shown where the browser can do that. */
  readonly opener?: string;
}

type OpenFolder = (options: { readonly mode: "read" }) => Promise<FileSystemDirectoryHandle>;

/** The browser's picker of folders (File System Access); not every one has it. */
function folderPicker(): OpenFolder | undefined {
  return (globalThis as { showDirectoryPicker?: OpenFolder }).showDirectoryPicker;
}

/** The chosen files. */
export class Chosen {
  /** As the library takes them; of a folder that was opened, handles. */
  readonly files = new Cell<ChosenFiles>([]);
  readonly #told: HTMLParagraphElement;
  #paths: readonly string[] = [];
  #folder: string | null = null;
  /** Counts choices: a folder that is still being listed gives way to a later one. */
  #choices = 0;

  /** Wires the elements. */
  constructor({ inputs, told, opener }: ChoosingParts) {
    this.#told = element(told, HTMLParagraphElement);
    this.#tell();
    for (const id of inputs) {
      const input = element(id, HTMLInputElement);
      input.addEventListener("change", () => {
        this.#takeList([...(input.files ?? [])]);
        // The same files again are a change too.
        input.value = "";
      });
    }
    if (opener === undefined || !folderPicker()) return;
    const button = element(opener, HTMLButtonElement);
    button.hidden = false;
    button.addEventListener("click", () => void attempt(() => this.#open()));
  }

  #takeList(files: readonly File[]): void {
    const folder = files[0]?.webkitRelativePath.split("/")[0] || null;
    this.#take(files, files.map(({ webkitRelativePath, name }) => webkitRelativePath || name), folder);
  }

  async #open(): Promise<void> {
    const choice = ++this.#choices;
    const folder = await pickFolder();
    if (!folder) return;
    this.#told.textContent = `Looking through “${folder.name}”…`;
    try {
      const files = await filesOfFolder(folder);
      if (choice === this.#choices) this.#take(files, Object.keys(files), folder.name);
    } catch (thrown) {
      this.#tell();
      throw thrown;
    }
  }

  #tell(): void {
    this.#told.textContent = inWords(this.#paths, this.#folder);
  }

  #take(files: ChosenFiles, paths: readonly string[], folder: string | null): void {
    this.#choices++;
    this.#paths = paths;
    this.#folder = folder;
    this.#tell();
    this.files.value = files;
  }

  /** Whether nothing is chosen. */
  get isEmpty(): boolean {
    return this.#paths.length === 0;
  }

  /** Opens the file at a path below the chosen folder, or of that name; `undefined` where there is none. */
  find(path: string): (() => Promise<File>) | undefined {
    const at = nearest(this.#paths, path);
    if (at < 0) return undefined;
    const files = this.files.value;
    const found = Array.isArray(files) ? files[at] : (files as Readonly<Record<string, File | FileSystemFileHandle>>)[this.#paths[at] as string];
    return async () => (found instanceof File ? found : (found as FileSystemFileHandle).getFile());
  }
}

/** Asks for a folder; undefined where the user chose none. */
async function pickFolder(): Promise<FileSystemDirectoryHandle | undefined> {
  try {
    return await folderPicker()?.({ mode: "read" });
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "AbortError") return undefined;
    throw thrown;
  }
}
