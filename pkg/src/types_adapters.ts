/** Adapters kept in the browser. */

import type { CallOptions, VideoInput } from "./types.js";

/** An adapter that is kept. */
export interface AdapterInfo {
  /** What methods take. */
  readonly id: string;
  /** For people; two may have the same. */
  readonly name: string;
  /** When it was trained or imported (ISO 8601). */
  readonly created: string;
  /** Bytes of its files. */
  readonly bytes: number;
  /** Fingerprint of the model it belongs to; `null` where its files do not tell. */
  readonly baseSha256: string | null;
  /** Whether that is this engine's model; true where its files do not tell. */
  readonly fitsBase: boolean;
  /** What it is multiplied by now; 0: not in use. */
  readonly weight: number;
}

/** What each adapter is multiplied by, by id; those left out are not used. `{}` is the model alone. */
export type AdapterWeights = Readonly<Record<string, number>>;

/** One clip of a comparison. */
export interface ComparedPair {
  /** The clip. */
  readonly clip: VideoInput;
  /** The caption that fits. */
  readonly caption: string;
  /** Captions that nearly fit; at least one. */
  readonly nearMisses: readonly string[];
}

/** One clip under one choice of adapters. */
export interface ComparedCell {
  /** Cosine of clip and caption. */
  readonly cosine: number;
  /** Cosines of clip and near misses. */
  readonly nearMisses: readonly number[];
  /** The caption's cosine less the best near miss's. */
  readonly margin: number;
  /** Whether the caption wins over all of them. */
  readonly right: boolean;
}

/** One choice of adapters over all clips. */
export interface ComparedChoice {
  /** The choice as given. */
  readonly weights: AdapterWeights;
  /** Share of clips that come out right. */
  readonly accuracy: number;
  /** Mean of the margins. */
  readonly margin: number;
  /** One entry a clip, in the order given. */
  readonly cells: readonly ComparedCell[];
}

/** Files of an adapter in PEFT's layout by name: `adapter_config.json`, `adapter_model.safetensors`. */
export type AdapterFiles = Readonly<Record<string, Blob>>;

/** For {@link Adapters.import}. */
export interface ImportOptions {
  /** What it will be called; "adapter" by default. */
  readonly name?: string | undefined;
  /** Takes an adapter of another base model, too, if it has the right shapes. */
  readonly anyBase?: boolean | undefined;
}

/**
 * The adapters kept by this browser for this site: in the origin's private file system, or in memory where the browser
 * refuses that (with notice "storage-refused").
 */
export interface Adapters {
  /** Every adapter, the latest first. */
  list(): Promise<AdapterInfo[]>;
  /** Changes a name. */
  rename(id: string, name: string): Promise<void>;
  /** Deletes one, which goes out of use. */
  delete(id: string): Promise<void>;
  /**
   * Puts adapters on the model, each multiplied by its weight; those left out go off. The model itself stays loaded.
   *
   * @throws {@link SgcrError} "wrong-base" for an adapter of another model
   */
  use(weights: AdapterWeights): Promise<void>;
  /** Scores pairs under several choices of adapters (`{}` for none): before and after, side by side. */
  compare(
    pairs: readonly ComparedPair[],
    choices: readonly AdapterWeights[],
    options?: CallOptions,
  ): Promise<ComparedChoice[]>;
  /** The files that `sgcr score --lora` and Python's peft read. */
  export(id: string): Promise<AdapterFiles>;
  /**
   * Keeps an adapter from its files: those of a folder picker or a drop, or Blobs by name.
   *
   * @throws {@link SgcrError} "wrong-base", "missing-file", "corrupt-file", "shape-mismatch", …
   */
  import(files: readonly File[] | AdapterFiles, options?: ImportOptions): Promise<AdapterInfo>;
}

/** The part of an engine that keeps adapters. */
export interface Adapting {
  /** Adapters of this browser, and which are in use. */
  readonly adapters: Adapters;
}
