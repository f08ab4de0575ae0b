/**
 * Errors of the library: real `Error` classes with a stable `code`, on both sides of the worker.
 * The codes up to "aborted" are those of the Rust crate (`src/error.rs`); the rest arise in JavaScript.
 */

/** Every `code` an {@link SgcrError} can have. */
export type ErrorCode =
  | "io"
  | "fetch"
  | "missing-file"
  | "invalid-json"
  | "invalid-row"
  | "not-for-training"
  | "invalid-config"
  | "invalid-setting"
  | "unknown-name"
  | "missing-tensor"
  | "unexpected-tensor"
  | "shape-mismatch"
  | "non-finite"
  | "unsupported-dtype"
  | "corrupt-file"
  | "unsafe-pickle"
  | "hash-mismatch"
  | "wrong-base"
  | "empty-caption"
  | "no-frames"
  | "decode"
  | "missing-program"
  | "device-unavailable"
  | "device-lost"
  | "out-of-memory"
  | "compute"
  | "self-test"
  | "invalid-input"
  | "different-run"
  | "bad-clip"
  | "not-built"
  | "no-scene-tokens"
  | "aborted"
  | "unsupported-video"
  | "disposed"
  | "crashed"
  | "worker"
  | "internal";

/** Base of every error of the library. Match on {@link SgcrError.code}; the message is for people and may change. */
export class SgcrError extends Error {
  /** What went wrong, stable across versions. */
  readonly code: ErrorCode;

  /** Makes an error of a code; use {@link createError} to get the code's own class. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SgcrError";
    this.code = code;
  }
}

function errorClass(code: ErrorCode, name: string) {
  return class extends SgcrError {
    constructor(message: string, options?: ErrorOptions) {
      super(code, message, options);
      this.name = name;
    }
  };
}

/** The caller's `AbortSignal` fired. Its `name` is "AbortError", as the web platform's. */
export class AbortedError extends errorClass("aborted", "AbortError") {}
/** The wanted compute device cannot be used here. */
export class DeviceUnavailableError extends errorClass("device-unavailable", "DeviceUnavailableError") {}
/** The GPU was reset or taken away; create the engine again. */
export class DeviceLostError extends errorClass("device-lost", "DeviceLostError") {}
/** The device has not enough memory. */
export class OutOfMemoryError extends errorClass("out-of-memory", "OutOfMemoryError") {}
/** The device computes wrong numbers. */
export class SelfTestError extends errorClass("self-test", "SelfTestError") {}
/** An address could not be read. */
export class FetchError extends errorClass("fetch", "FetchError") {}
/** The model folder lacks a file. */
export class MissingFileError extends errorClass("missing-file", "MissingFileError") {}
/** A file's hash differs from the index. */
export class HashMismatchError extends errorClass("hash-mismatch", "HashMismatchError") {}
/** A file is damaged or is not what its name says. */
export class CorruptFileError extends errorClass("corrupt-file", "CorruptFileError") {}
/** A caption has no text. */
export class EmptyCaptionError extends errorClass("empty-caption", "EmptyCaptionError") {}
/** A clip has no usable frame. */
export class NoFramesError extends errorClass("no-frames", "NoFramesError") {}
/** The browser's decoder failed on the video. */
export class DecodeError extends errorClass("decode", "DecodeError") {}
/** The video's container or codec is unknown to this browser. */
export class UnsupportedVideoError extends errorClass("unsupported-video", "UnsupportedVideoError") {}
/** An argument makes no sense. */
export class InvalidInputError extends errorClass("invalid-input", "InvalidInputError") {}
/** The engine was used after `dispose()`. */
export class DisposedError extends errorClass("disposed", "DisposedError") {}
/** The engine's module stopped; create the engine again. */
export class EngineCrashedError extends errorClass("crashed", "EngineCrashedError") {}
/** The worker's script could not be started. */
export class WorkerError extends errorClass("worker", "WorkerError") {}

const CLASSES: Partial<Record<ErrorCode, new (message: string, options?: ErrorOptions) => SgcrError>> = {
  aborted: AbortedError,
  "device-unavailable": DeviceUnavailableError,
  "device-lost": DeviceLostError,
  "out-of-memory": OutOfMemoryError,
  "self-test": SelfTestError,
  fetch: FetchError,
  "missing-file": MissingFileError,
  "hash-mismatch": HashMismatchError,
  "corrupt-file": CorruptFileError,
  "empty-caption": EmptyCaptionError,
  "no-frames": NoFramesError,
  decode: DecodeError,
  "unsupported-video": UnsupportedVideoError,
  "invalid-input": InvalidInputError,
  disposed: DisposedError,
  crashed: EngineCrashedError,
  worker: WorkerError,
};

/** The error of a code, as an instance of the code's own class where it has one. */
export function createError(code: ErrorCode, message: string, options?: ErrorOptions): SgcrError {
  const Class = CLASSES[code];
  return Class ? new Class(message, options) : new SgcrError(code, message, options);
}

/** An error as it crosses the worker's boundary. */
export interface ErrorRecord {
  /** See {@link SgcrError.code}. */
  readonly code: ErrorCode;
  /** A sentence for people. */
  readonly message: string;
}

/** Whether something thrown says that work was stopped on request. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** Anything thrown, as one of ours. */
export function toSgcrError(thrown: unknown): SgcrError {
  if (thrown instanceof SgcrError) return thrown;
  if (isAbort(thrown)) return new AbortedError("stopped on request", { cause: thrown });
  if (thrown instanceof WebAssembly.RuntimeError) {
    return new EngineCrashedError(`the engine stopped (${thrown.message}); create it again`, { cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const code = thrown instanceof Error && thrown.name === "SgcrError" ? (thrown as { code?: unknown }).code : undefined;
  return createError(typeof code === "string" ? (code as ErrorCode) : "internal", message, { cause: thrown });
}

/** For posting an error across the worker. */
export function toRecord(thrown: unknown): ErrorRecord {
  const { code, message } = toSgcrError(thrown);
  return { code, message };
}

/** The other side of {@link toRecord}. */
export function fromRecord(record: ErrorRecord): SgcrError {
  return createError(record.code, record.message);
}

/** Throws {@link AbortedError} once the signal has fired. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError("stopped on request", { cause: signal.reason });
}
