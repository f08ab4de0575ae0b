/** Calls to an engine in a worker. */

import type { EngineEvent, EngineProtocol } from "./protocol.js";
import type { CallOptions, ClipEmbedding, VideoInput } from "./types.js";

/** What goes along with a call. */
export interface Along {
  /** Gives the call up. */
  readonly signal?: AbortSignal | undefined;
  /** Hears reports. */
  readonly onEvent?: ((event: EngineEvent) => void) | undefined;
}

/** Calls a method of the engine; builds the engine again where its device or worker is gone. */
export type Call = <K extends keyof EngineProtocol>(
  method: K,
  params: EngineProtocol[K]["params"],
  along?: Along,
) => Promise<EngineProtocol[K]["result"]>;

/** What a call hears on its way. */
export function hear({ onProgress }: CallOptions): (event: EngineEvent) => void {
  return (event) => {
    if ("progress" in event) onProgress?.(event.progress);
  };
}

/** A clip that can be posted: addresses become absolute here, where the page's own address is known. */
export function postable(input: ClipEmbedding | VideoInput): ClipEmbedding | VideoInput {
  return typeof input === "string" || input instanceof URL ? new URL(input, document.baseURI).href : input;
}
