/** Adapters of an engine in a worker, seen from the page. */

import type { Call } from "./remote_call.js";
import { hear, postable } from "./remote_call.js";
import type { CallOptions, VideoInput } from "./types.js";
import type {
  AdapterFiles,
  AdapterInfo,
  AdapterWeights,
  Adapters,
  ComparedChoice,
  ComparedPair,
  ImportOptions,
} from "./types_adapters.js";

/** Hands every call on. */
export class RemoteAdapters implements Adapters {
  readonly #call: Call;
  /** What was asked for last: an engine that is built again puts it on again. */
  #weights: AdapterWeights = {};

  constructor(call: Call) {
    this.#call = call;
  }

  /** The weights in use. */
  get weights(): AdapterWeights {
    return this.#weights;
  }

  list(): Promise<AdapterInfo[]> {
    return this.#call("listAdapters", null);
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#call("renameAdapter", { id, name });
  }

  async delete(id: string): Promise<void> {
    await this.#call("deleteAdapter", { id });
    this.#weights = Object.fromEntries(Object.entries(this.#weights).filter(([used]) => used !== id));
  }

  async use(weights: AdapterWeights): Promise<void> {
    await this.#call("useAdapters", { weights });
    this.#weights = { ...weights };
  }

  compare(
    pairs: readonly ComparedPair[],
    choices: readonly AdapterWeights[],
    options: CallOptions = {},
  ): Promise<ComparedChoice[]> {
    const posted = pairs.map((pair) => ({ ...pair, clip: postable(pair.clip) as VideoInput }));
    return this.#call("compareAdapters", { pairs: posted, choices }, { signal: options.signal, onEvent: hear(options) });
  }

  export(id: string): Promise<AdapterFiles> {
    return this.#call("exportAdapter", { id });
  }

  import(files: readonly File[] | AdapterFiles, options: ImportOptions = {}): Promise<AdapterInfo> {
    return this.#call("importAdapter", { files, options });
  }
}
