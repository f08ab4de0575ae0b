/**
 * Typed calls across a worker: results, errors with their codes, progress, aborts. `Protocol` maps each method's name
 * to its parameters, result and events.
 */

import { AbortedError, type ErrorRecord, type SgcrError, fromRecord, toRecord } from "./errors.js";

/** What a method takes, gives and reports. */
export interface Method {
  /** What is passed. */
  params: unknown;
  /** What comes back. */
  result: unknown;
  /** What is reported on the way. */
  event: unknown;
}

/** Methods by name. */
export type Protocol<P> = { [K in keyof P]: Method };

/** The part of `Worker`, `MessagePort` and the worker's own scope that calls need. */
export interface Channel {
  /** Sends a message. */
  postMessage(message: unknown, transfer?: Transferable[]): void;
  /** Hears messages. */
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  /** Stops hearing. */
  removeEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

/** Marks messages as ours: a page's own worker may talk of other things on the same channel. */
const TAG = "sgcr";

type ToWorker =
  | { tag: typeof TAG; kind: "call"; id: number; method: string; params: unknown }
  | { tag: typeof TAG; kind: "abort"; id: number };

type FromWorker =
  | { tag: typeof TAG; kind: "result"; id: number; value: unknown }
  | { tag: typeof TAG; kind: "error"; id: number; error: ErrorRecord }
  | { tag: typeof TAG; kind: "event"; id: number; event: unknown };

/** A result whose buffers move to the other side instead of being copied. */
export class Transfer<T> {
  /** Pairs a value with the buffers in it. */
  constructor(
    readonly value: T,
    readonly buffers: Transferable[],
  ) {}
}

/** What a handler may use. */
export interface CallContext<E> {
  /** Fires when the caller gave up. */
  readonly signal: AbortSignal;
  /** Reports to the caller. */
  emit(event: E): void;
}

/** One function a method. */
export type Handlers<P extends Protocol<P>> = {
  [K in keyof P]: (
    params: P[K]["params"],
    context: CallContext<P[K]["event"]>,
  ) => Promise<P[K]["result"] | Transfer<P[K]["result"]>>;
};

function isOurs(data: unknown): data is { tag: typeof TAG } {
  return typeof data === "object" && data !== null && (data as { tag?: unknown }).tag === TAG;
}

/** Answers calls; the worker's side. */
export function serve<P extends Protocol<P>>(channel: Channel, handlers: Handlers<P>): void {
  const running = new Map<number, AbortController>();
  const post = (message: FromWorker, transfer: Transferable[] = []): void => channel.postMessage(message, transfer);

  const answer = async (id: number, method: string, params: unknown): Promise<void> => {
    const controller = new AbortController();
    running.set(id, controller);
    const emit = (event: unknown): void => post({ tag: TAG, kind: "event", id, event });
    try {
      const handler = handlers[method as keyof P];
      const result = await handler(params as never, { signal: controller.signal, emit } as never);
      if (result instanceof Transfer) post({ tag: TAG, kind: "result", id, value: result.value }, result.buffers);
      else post({ tag: TAG, kind: "result", id, value: result });
    } catch (thrown) {
      post({ tag: TAG, kind: "error", id, error: toRecord(thrown) });
    } finally {
      running.delete(id);
    }
  };

  channel.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    if (!isOurs(data)) return;
    const message = data as ToWorker;
    if (message.kind === "abort") running.get(message.id)?.abort();
    else void answer(message.id, message.method, message.params);
  });
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: SgcrError): void;
  emit(event: unknown): void;
}

/** Makes calls; the page's side. */
export class Client<P extends Protocol<P>> {
  readonly #channel: Channel;
  readonly #pending = new Map<number, Pending>();
  readonly #listener: (event: MessageEvent<unknown>) => void;
  #last = 0;
  #closed: SgcrError | null = null;

  /** Talks to the {@link serve} at the channel's other end. */
  constructor(channel: Channel) {
    this.#channel = channel;
    this.#listener = ({ data }) => {
      if (isOurs(data)) this.#receive(data as FromWorker);
    };
    channel.addEventListener("message", this.#listener);
  }

  #receive(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    // An answer to a call that was aborted: nobody waits for it any more.
    if (!pending) return;
    if (message.kind === "event") {
      pending.emit(message.event);
      return;
    }
    this.#pending.delete(message.id);
    if (message.kind === "result") pending.resolve(message.value);
    else pending.reject(fromRecord(message.error));
  }

  /** Calls a method. An aborted call rejects at once, whatever the other side is busy with. */
  call<K extends keyof P & string>(
    method: K,
    params: P[K]["params"],
    options: { signal?: AbortSignal | undefined; onEvent?: ((event: P[K]["event"]) => void) | undefined } = {},
  ): Promise<P[K]["result"]> {
    const { signal, onEvent } = options;
    if (this.#closed) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(new AbortedError("stopped on request", { cause: signal.reason }));
    const id = ++this.#last;
    const { promise, resolve, reject } = settler<P[K]["result"]>();
    const onAbort = (): void => {
      this.#pending.delete(id);
      this.#channel.postMessage({ tag: TAG, kind: "abort", id } satisfies ToWorker);
      reject(new AbortedError("stopped on request", { cause: signal?.reason }));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    const done = (): void => signal?.removeEventListener("abort", onAbort);
    this.#pending.set(id, {
      resolve: (value) => (done(), resolve(value as P[K]["result"])),
      reject: (error) => (done(), reject(error)),
      emit: (event) => onEvent?.(event as P[K]["event"]),
    });
    try {
      this.#channel.postMessage({ tag: TAG, kind: "call", id, method, params } satisfies ToWorker);
    } catch (thrown) {
      // Parameters that cannot be cloned.
      this.#pending.get(id)?.reject(fromRecord({ code: "invalid-input", message: (thrown as Error).message }));
      this.#pending.delete(id);
    }
    return promise;
  }

  /** Ends every call, running and to come, with this error. */
  close(error: SgcrError): void {
    if (this.#closed) return;
    this.#closed = error;
    this.#channel.removeEventListener("message", this.#listener);
    for (const pending of [...this.#pending.values()]) pending.reject(error);
    this.#pending.clear();
  }
}

/** `Promise.withResolvers`, which is newer than browsers with WebGPU. */
function settler<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
