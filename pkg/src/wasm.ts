/** The Rust module: instantiated once a thread. */

import init, * as wasm from "../wasm/sgcr.js";
import { EngineCrashedError, FetchError, type SgcrError } from "./errors.js";

/** The module's exports. */
export type Wasm = typeof wasm;

let loading: Promise<Wasm> | null = null;
let memory: WebAssembly.Memory | null = null;
let crash: EngineCrashedError | null = null;
const crashed = new Set<(error: SgcrError) => void>();

/** Instantiates the module; the address counts at the first call only. */
export function loadWasm(wasmUrl: string | undefined): Promise<Wasm> {
  loading ??= instantiate(wasmUrl ?? new URL("../wasm/sgcr_bg.wasm", import.meta.url).href).catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function instantiate(url: string): Promise<Wasm> {
  try {
    const exports = await init({ module_or_path: url });
    memory = exports.memory;
  } catch (cause) {
    const advice = "check that the file lies there (option wasmUrl) and is served as application/wasm";
    throw new FetchError(`cannot load the engine from ${url}: ${(cause as Error).message}; ${advice}`, { cause });
  }
  wasm.onPanic((message: string) => {
    crash = new EngineCrashedError(`the engine stopped (${message}); reload the page or create the engine in a new worker`);
    for (const tell of [...crashed]) tell(crash);
  });
  return wasm;
}

/** Bytes of the module's memory. */
export function wasmBytes(): number {
  return memory?.buffer.byteLength ?? 0;
}

/**
 * A panic ends the module without settling promises: this rejects in their place.
 *
 * @param work gets going only where the module has not stopped before
 */
export async function untilCrash<T>(work: () => Promise<T>): Promise<T> {
  if (crash) throw crash;
  let tell: ((error: SgcrError) => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    tell = reject;
    crashed.add(reject);
  });
  try {
    return await Promise.race([work(), stopped]);
  } finally {
    if (tell) crashed.delete(tell);
  }
}
