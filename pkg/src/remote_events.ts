/** A call to the worker as a stream of what it reports. */

import type { EngineEvent } from "./protocol.js";
import type { Along } from "./remote_call.js";

/**
 * Starts a call and hands on what it reports, until it ends; left in the middle, the call is given up.
 *
 * @param start makes the call
 * @param pick what of a report is handed on; null for what is not
 */
export async function* remoteEvents<T>(
  start: (along: Along) => Promise<unknown>,
  pick: (event: EngineEvent) => T | null,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void, undefined> {
  const queue: T[] = [];
  let wake = (): void => {};
  let ended: { error: unknown } | "done" | null = null;
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const onEvent = (event: EngineEvent): void => {
    const picked = pick(event);
    if (picked !== null) queue.push(picked);
    wake();
  };
  const end = (how: { error: unknown } | "done"): void => {
    ended = how;
    wake();
  };
  void start({ signal: controller.signal, onEvent }).then(
    () => end("done"),
    (error: unknown) => end({ error }),
  );
  try {
    for (;;) {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield event;
      const how = ended as { error: unknown } | "done" | null;
      if (how === "done") return;
      if (how) throw how.error;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}
