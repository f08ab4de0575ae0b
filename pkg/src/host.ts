/** What the parts of an engine in its own thread need of it. */

import type { Engine as WasmEngine } from "../wasm/sgcr.js";
import type { EngineInfo, Notice } from "./types.js";
import type { Wasm } from "./wasm.js";

/** An engine in this thread, seen by its parts. */
export interface Host {
  /** The module. */
  readonly wasm: Wasm;
  /** Device and model. */
  readonly info: EngineInfo;
  /** Runs work after all work before it; reports a panic, a stop and a disposal as errors. */
  enqueue<T>(signal: AbortSignal | undefined, work: (engine: WasmEngine) => Promise<T>): Promise<T>;
  /** Tells the user something. */
  notice(notice: Notice): void;
}

/** A stop that Rust sees. */
export type StopFlag = InstanceType<Wasm["StopFlag"]>;

/** Reports from Rust. */
export type RustEvent =
  | { type: "progress"; stage: string; done: number; total: number }
  | { type: "notice"; code: string; message: string };

/** Hands an abort on to Rust for as long as the work takes. */
export async function stoppable<T>(wasm: Wasm, signal: AbortSignal | undefined, work: (stop: StopFlag) => Promise<T>): Promise<T> {
  const stop = new wasm.StopFlag();
  const request = (): void => stop.request();
  signal?.addEventListener("abort", request, { once: true });
  try {
    return await work(stop);
  } finally {
    signal?.removeEventListener("abort", request);
    stop.free();
  }
}
