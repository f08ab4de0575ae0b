/** The worker's script: an engine behind {@link serveEngine}. Import `sgcr/worker` in a worker of your own. */

import { DisposedError } from "./errors.js";
import { LocalEngine, isClipEmbedding } from "./local.js";
import type { EngineEvent, EngineProtocol, RunCommand } from "./protocol.js";
import { type CallContext, type Channel, Transfer, serve } from "./rpc.js";
import type { CallOptions, ClipEmbedding, VideoInput } from "./types.js";
import type { VideosRun } from "./types_runs.js";

/** Serves an engine to the other end of a channel. */
export function serveEngine(channel: Channel): void {
  let engine: LocalEngine | null = null;
  const runs = new Map<string, Partial<Record<RunCommand, () => void>>>();
  const opened = (): LocalEngine => {
    if (!engine) throw new DisposedError("this worker has no open engine");
    return engine;
  };
  const hooks = ({ signal, emit }: CallContext<EngineEvent>): CallOptions => ({
    signal,
    onProgress: (progress) => emit({ progress }),
  });
  /** Hands a run's events on; until it ends it can be told things. */
  const follow = async <T>(handle: string, run: VideosRun<T>, emit: (event: T) => void): Promise<null> => {
    runs.set(handle, { pause: () => run.pause(), resume: () => run.resume() });
    try {
      for await (const event of run) emit(event);
      return null;
    } finally {
      runs.delete(handle);
    }
  };
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
    async explain({ input, labels, options }, context) {
      return closing(input, () => opened().explain(input, labels, { ...options, ...hooks(context) }));
    },
    async planFineTune({ clips, options }, { signal }) {
      return opened().planRun(clips, { ...options, signal });
    },
    async fineTune({ handle, start, options }, { signal, emit }) {
      const run = opened().run(start, {
        ...options,
        signal,
        onNotice: (notice) => emit({ notice }),
        onSamples: (done, total) => emit({ samples: [done, total] }),
      });
      runs.set(handle, { pause: () => run.pause(), resume: () => run.resume(), stop: () => run.stop() });
      try {
        await closingAll("samples" in start ? start.samples.map(({ clip }) => clip) : [], async () => {
          for await (const event of run) emit({ fineTune: event });
        });
        return null;
      } finally {
        runs.delete(handle);
      }
    },
    async evaluate({ handle, run: params }, { signal, emit }) {
      const run = opened().evaluation(params, signal);
      return follow(handle, run, (event) => emit({ evaluate: event }));
    },
    async forgetEmbeddings() {
      await opened().forgetEmbeddings();
      return null;
    },
    async index({ handle, run: params }, { signal, emit }) {
      const run = opened().indexing(params, signal);
      return follow(handle, run, (event) => emit({ index: event }));
    },
    async search({ texts, top, overlapping }, { signal }) {
      return opened().search(texts, { top, overlapping, signal });
    },
    async commandRun({ handle, command }) {
      runs.get(handle)?.[command]?.();
      return null;
    },
    async unfinishedRuns() {
      return opened().unfinishedRuns();
    },
    async deleteRun({ run }) {
      await opened().deleteRun(run);
      return null;
    },
    async listAdapters() {
      return opened().adapters.list();
    },
    async renameAdapter({ id, name }) {
      await opened().adapters.rename(id, name);
      return null;
    },
    async deleteAdapter({ id }) {
      await opened().adapters.delete(id);
      return null;
    },
    async useAdapters({ weights }) {
      await opened().adapters.use(weights);
      return null;
    },
    async compareAdapters({ pairs, choices }, context) {
      const clips = pairs.map(({ clip }) => clip);
      return closingAll(clips, () => opened().adapters.compare(pairs, choices, hooks(context)));
    },
    async exportAdapter({ id }) {
      return opened().adapters.export(id);
    },
    async importAdapter({ files, options }) {
      return opened().adapters.import(files, options);
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
function closing<T>(clip: ClipEmbedding | VideoInput, work: () => Promise<T>): Promise<T> {
  return closingAll([clip], work);
}

async function closingAll<T>(clips: readonly (ClipEmbedding | VideoInput)[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    for (const clip of clips) {
      if (!Array.isArray(clip) || isClipEmbedding(clip)) continue;
      for (const frame of clip) if ("close" in frame) frame.close();
    }
  }
}

// In a worker the scope itself is the channel; imported into a page, nothing happens.
if ("WorkerGlobalScope" in globalThis) serveEngine(globalThis as unknown as Channel);
