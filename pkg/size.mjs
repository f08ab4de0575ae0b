// Prints the module's sizes as servers send it, and fails where it outgrows its budget.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** Bytes of brotli at its best (what a visitor downloads) that must not be outgrown, and those we want to come down to. */
const BUDGET = 3_500_000;
export const GOAL = 1_600_000;

/** The module. */
export const MODULE = fileURLToPath(new URL("./wasm/sgcr_bg.wasm", import.meta.url));

/** Bytes of a file as it is, and as servers send it. */
export async function sizes(file) {
  const bytes = readFileSync(file);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const [zipped, brotli] = await Promise.all([promisify(gzip)(bytes, { level: 9 }), promisify(brotliCompress)(bytes, { params })]);
  return { raw: bytes.length, gzip: zipped.length, brotli: brotli.length };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = await sizes(MODULE);
  const text = Object.entries(found).map(([name, size]) => `${(size / 1e6).toFixed(2)} MB ${name}`);
  console.log(`sgcr_bg.wasm: ${text.join(", ")} (budget ${BUDGET / 1e6}, goal ${GOAL / 1e6} MB brotli)`);
  if (found.brotli > BUDGET) process.exit(1);
}
