/** The worker's script: an engine behind {@link serveEngine}. Import `sgcr/worker` in a worker of your own. */

import { DisposedError } from "./errors.js";
import { LocalEngine, isClipEmbedding } from "./local.js";
import type { EngineEvent, EngineProtocol } from "./protocol.js";
import { type CallContext, type Channel, Transfer, serve } from "./rpc.js";
import type { CallOptions, ClipEmbedding, VideoInput } from "./types.js";

/** Serves an engine to the other end of a channel. */
export function serveEngine(channel: Channel): void {
  let engine: LocalEngine | null = null;
  const opened = (): LocalEngine => {
    if (!engine) throw new DisposedError("this worker has no open engine");
    return engine;
  };
  const hooks = ({ signal, emit }: CallContext<EngineEvent>): CallOptions => ({
    signal,
    onProgress: (progress) => emit({ progress }),
  });
  serve<EngineProtocol>(channel, {
    async open(params, context) {
      engine?.dispose();
      engine = await LocalEngine.open({ ...params, ...hooks(context), onNotice: (notice) => context.emit({ notice }) });
      return engine.info;
    },
    async encodeVideo({ input, options }, context) {
      return closing(input, () => opened().encodeVideo(input, { ...options, ...hooks(context) }));
    },
    async encodeText({ captions }, context) {
      return opened().encodeText(captions, hooks(context));
    },
    async score({ clip, captions, options }, context) {
      return closing(clip, () => opened().score(clip, captions, { ...options, ...hooks(context) }));
    },
    async worldClip({ seed }) {
      const clip = await opened().worldClip(seed);
      return new Transfer(clip, clip.frames.map((frame) => frame.data.buffer as ArrayBuffer));
    },
    async memory() {
      return opened().memory();
    },
    async dispose() {
      engine?.dispose();
      engine = null;
      return null;
    },
  });
}

/** Posted frames are copies of the caller's; whoever receives them has to close them. */
async function closing<T>(clip: ClipEmbedding | VideoInput, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    if (Array.isArray(clip) && !isClipEmbedding(clip)) {
      for (const frame of clip) if ("close" in frame) frame.close();
    }
  }
}

// In a worker the scope itself is the channel; imported into a page, nothing happens.
if ("WorkerGlobalScope" in globalThis) serveEngine(globalThis as unknown as Channel);
