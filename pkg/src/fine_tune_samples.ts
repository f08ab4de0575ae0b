/** Samples on their way into the module. */

import type { FineTuneSamples } from "../wasm/sgcr.js";
import { takeFrames, withReader } from "./clip_frames.js";
import { InvalidInputError } from "./errors.js";
import type { Host } from "./host.js";
import type { CaptionSample, FineTuneOptions, FineTuneSample, GraphSample, SceneGraph } from "./types_fine_tune.js";
import type { FrameReader } from "./video.js";

/** The options as the module reads them: what can be posted and written down. */
export type RunOptions = Omit<FineTuneOptions, "signal" | "onNotice" | "onSamples">;

/** Leaves out what cannot be posted, and names the run. */
export function runOptions(options: FineTuneOptions): RunOptions {
  const { signal: _signal, onNotice: _onNotice, onSamples: _onSamples, ...rest } = options;
  return { ...rest, name: rest.name ?? `adapter ${new Date().toLocaleString()}` };
}

/** Refuses what is no sample before any clip is opened. */
export function checkSamples(samples: readonly FineTuneSample[]): void {
  if (!Array.isArray(samples) || samples.length === 0) throw new InvalidInputError("samples: give at least one clip");
  samples.forEach((sample: Partial<CaptionSample & GraphSample>, at) => {
    if (sample.graph === undefined && (typeof sample.caption !== "string" || !Array.isArray(sample.nearMisses))) {
      throw new InvalidInputError(`sample ${at}: give a caption and nearMisses, or a graph`);
    }
  });
}

function isGraph(sample: FineTuneSample): sample is GraphSample {
  return "graph" in sample;
}

/** Decodes every sample's frames, one clip after the other; other calls are served between two clips. */
export async function readSamples(
  host: Host,
  samples: readonly FineTuneSample[],
  options: FineTuneOptions,
): Promise<FineTuneSamples> {
  const { signal, onSamples, seed = 0 } = options;
  const read = new host.wasm.FineTuneSamples();
  try {
    onSamples?.(0, samples.length);
    for (const [at, sample] of samples.entries()) {
      await withReader(sample.clip, signal, (reader) =>
        host.enqueue(signal, async (engine) => {
          const clip = engine.newClip(undefined, undefined, undefined, undefined);
          try {
            if (isGraph(sample)) {
              const plan = planGraph(host, sample.graph, reader, (seed + at) >>> 0);
              await takeFrames(reader, clip, [...plan.frames], signal);
              read.addGraph(plan, clip, sample.heldOut);
            } else {
              const { frameCount, fps, width, height } = reader;
              await takeFrames(reader, clip, [...clip.indices(frameCount, fps, width, height)], signal);
              read.addCaption(clip, sample.caption, [...sample.nearMisses], sample.heldOut);
            }
          } finally {
            clip.free();
          }
        }),
      );
      onSamples?.(at + 1, samples.length);
    }
    return read;
  } catch (thrown) {
    read.free();
    throw thrown;
  }
}

function planGraph(host: Host, graph: SceneGraph, reader: FrameReader, seed: number) {
  const drawn = typeof graph === "object" && "frames" in graph;
  const json = typeof graph === "string" ? graph : JSON.stringify(graph);
  return new host.wasm.GraphPlan(json, drawn, host.info.frames, reader.frameCount, seed);
}
