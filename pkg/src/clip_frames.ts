/** A clip's frames on their way into the module: decoded, resized there, never whole in memory. */

import type { ClipFrames } from "../wasm/sgcr.js";
import { checkSignal, toSgcrError } from "./errors.js";
import type { VideoInput } from "./types.js";
import { type FrameReader, openVideo } from "./video.js";

/** Decodes the frames at ascending indices (repeats allowed) into `clip`. */
export async function takeFrames(
  reader: FrameReader,
  clip: ClipFrames,
  indices: readonly number[],
  signal: AbortSignal | undefined,
  onFrames: (done: number) => void = () => {},
): Promise<void> {
  let done = 0;
  onFrames(done);
  // A short clip repeats frames: they are decoded once.
  const distinct = [...new Set(indices)].sort((a, b) => a - b);
  let next = 0;
  for await (const pixels of reader.frames(distinct)) {
    checkSignal(signal);
    for (; indices[done] === distinct[next]; done++) {
      clip.pushRgba(pixels.width, pixels.height, pixels.data as Uint8Array);
    }
    next++;
    onFrames(done);
  }
}

/** Opens a clip for as long as `work` takes. */
export async function withReader<T>(
  input: VideoInput,
  signal: AbortSignal | undefined,
  work: (reader: FrameReader) => Promise<T>,
): Promise<T> {
  const reader = await openVideo(input, signal).catch((thrown: unknown) => {
    throw toSgcrError(thrown);
  });
  try {
    return await work(reader);
  } finally {
    reader.close();
  }
}
