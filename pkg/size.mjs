// Prints the module's sizes as servers send it, and fails where it outgrows its budget.
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

/** Bytes of brotli at its best (what a visitor downloads) that must not be outgrown, and those we want to come down to. */
const BUDGET = 3_500_000;
const GOAL = 1_600_000;

const bytes = readFileSync(new URL("./wasm/sgcr_bg.wasm", import.meta.url));
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
const sizes = {
  raw: bytes.length,
  gzip: gzipSync(bytes, { level: 9 }).length,
  brotli: brotliCompressSync(bytes, { params }).length,
};
const text = Object.entries(sizes).map(([name, size]) => `${(size / 1e6).toFixed(2)} MB ${name}`);
console.log(`sgcr_bg.wasm: ${text.join(", ")} (budget ${BUDGET / 1e6}, goal ${GOAL / 1e6} MB brotli)`);
if (sizes.brotli > BUDGET) process.exit(1);
