// Bundles some of the package's sources in memory, so that tests see modules that the package does not export.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const pkg = join(dirname(fileURLToPath(import.meta.url)), "..");

/** One module with the exports of all these sources. */
export async function load(...files) {
  return bundle(join(pkg, "src"), files);
}

/** As {@link load}, for sources of the demo page that touch no element. */
export async function loadPage(...files) {
  return bundle(join(pkg, "..", "www", "src"), files);
}

async function bundle(src, files) {
  const contents = files.map((file) => `export * from "./${file}";`).join("\n");
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: src, loader: "ts" },
    bundle: true,
    format: "esm",
    write: false,
    external: ["../wasm/sgcr.js", "mediabunny"],
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);
}
