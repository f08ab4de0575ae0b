/** An adapter's files: one ZIP file with the folder that PEFT and `sgcr score --lora` read. */

import { strToU8, unzipSync, zipSync } from "fflate";
import { type AdapterFiles, SgcrError } from "sgcr";
import { saveFile } from "../save.js";

/** A folder's name that every system takes. */
const folderName = (name: string): string =>
  name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "") || "adapter";

/** Hands an adapter's folder to the browser's downloads, as a ZIP file. */
export async function saveAdapter(name: string, files: AdapterFiles): Promise<void> {
  const folder = folderName(name);
  const entries = await Promise.all(
    Object.entries(files).map(
      async ([file, blob]) => [`${folder}/${file}`, new Uint8Array(await blob.arrayBuffer())] as const,
    ),
  );
  // Weights hardly shrink.
  const bytes = zipSync(
    { [`${folder}/README.md`]: strToU8(readme(name)), ...Object.fromEntries(entries) },
    { level: 0 },
  );
  saveFile(`${folder}.zip`, new Blob([bytes], { type: "application/zip" }));
}

const readme = (name: string): string =>
  `# ${name}\n\nA LoRA adapter in PEFT's layout, made by sgcr. \`sgcr score --lora FOLDER …\` and \`PeftModel.from_pretrained(model, FOLDER)\` read this folder.\n`;

/** The files of an adapter, out of a ZIP file where there is one. */
export async function adapterFiles(chosen: readonly File[]): Promise<AdapterFiles> {
  const zip = chosen.find(({ name }) => name.toLowerCase().endsWith(".zip"));
  if (!zip) return Object.fromEntries(chosen.map((file) => [file.name, file]));
  try {
    const entries = Object.entries(unzipSync(new Uint8Array(await zip.arrayBuffer())));
    return Object.fromEntries(
      entries.map(([path, bytes]) => [path.split("/").at(-1) ?? path, new Blob([bytes as Uint8Array<ArrayBuffer>])]),
    );
  } catch (thrown) {
    throw new SgcrError("corrupt-file", `${zip.name} is no ZIP file that can be read: ${(thrown as Error).message}`);
  }
}
