/** Files that the user chose, a folder or several files, and how many they are in words. */

import { Cell } from "./cell.js";
import { element } from "./dom.js";

/** What stands in words for nothing. */
const NONE = "None chosen yet.";

/** The files behind one or two inputs: one of files, one of a folder. */
export class Chosen {
  /** The files. */
  readonly files = new Cell<readonly File[]>([]);

  /** Wires the inputs; `told` is the id of the paragraph that says what is chosen. */
  constructor(inputs: readonly string[], told: string) {
    const text = element(told, HTMLParagraphElement);
    text.textContent = NONE;
    for (const id of inputs) {
      const input = element(id, HTMLInputElement);
      input.addEventListener("change", () => {
        this.files.value = [...(input.files ?? [])];
        text.textContent = inWords(this.files.value);
        // The same files again are a change too.
        input.value = "";
      });
    }
  }

  /** The file at a path below the chosen folder, or of that name. */
  find(path: string): File | undefined {
    const name = path.split("/").at(-1);
    const below = this.files.value.find(({ webkitRelativePath }) => webkitRelativePath.endsWith(`/${path}`));
    return below ?? this.files.value.find((file) => file.name === name) ?? this.files.value.find((file) => stem(file.name) === stem(name ?? ""));
  }
}

const stem = (name: string): string => name.replace(/\.[^.]*$/, "");

function inWords(files: readonly File[]): string {
  const [first] = files;
  if (!first) return NONE;
  const folder = first.webkitRelativePath.split("/")[0];
  if (folder) return `${files.length} ${files.length === 1 ? "file" : "files"} in “${folder}”.`;
  return files.length <= 3 ? `${files.map(({ name }) => name).join(", ")}.` : `${files.length} files.`;
}
