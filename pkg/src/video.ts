/** Clips as frames by number: files and addresses through mediabunny and WebCodecs, and frames already decoded. */

import { DecodeError, InvalidInputError, NoFramesError, checkSignal } from "./errors.js";
import { type Pixels, bitmapPixels, framePixels } from "./pixels.js";
import type { VideoInput } from "./types.js";

/** A clip whose frames can be asked for by number, counted from 0 in the order they are shown. */
export interface FrameReader {
  /** Frames in all. */
  readonly frameCount: number;
  /** Frames a second; NaN without a clock. */
  readonly fps: number;
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** When a frame is shown, in seconds; undefined without a clock. */
  time(index: number): number | undefined;
  /** Decodes frames: ascending numbers without repeats. */
  frames(indices: readonly number[]): AsyncGenerator<Pixels, void, undefined>;
  /** Lets go of decoder and file. */
  close(): void;
}

/** Opens any kind of clip. */
export async function openVideo(input: VideoInput, signal: AbortSignal | undefined): Promise<FrameReader> {
  checkSignal(signal);
  if (input instanceof Blob && input.type.startsWith("image/")) return imageFrames([await picture(input)]);
  if (input instanceof Blob || typeof input === "string" || input instanceof URL) {
    const { openFile } = await import("./video_file.js");
    return openFile(input, signal);
  }
  if (!Array.isArray(input)) {
    throw new InvalidInputError("clip: give a File, a Blob, an address, VideoFrame[] or ImageData[]");
  }
  const frames = input as (VideoFrame | ImageData)[];
  const first = frames[0];
  if (!first) throw new NoFramesError("the clip has no frames: the list is empty");
  return isFrame(first) ? decodedFrames(frames as VideoFrame[]) : imageFrames(frames as ImageData[]);
}

/** ImageData has no `close`; instanceof would fail where a browser lacks VideoFrame. */
export function isFrame(picture: VideoFrame | ImageData): picture is VideoFrame {
  return "close" in picture;
}

/** An image file's pixels as they are stored, a clip of one frame. */
async function picture(file: Blob): Promise<ImageData> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch (cause) {
    const name = file instanceof File ? file.name : "the image";
    throw new DecodeError(`cannot decode ${name}: ${(cause as Error).message}; convert it to PNG or JPEG`, { cause });
  }
  try {
    return bitmapPixels(bitmap);
  } finally {
    bitmap.close();
  }
}

function imageFrames(images: ImageData[]): FrameReader {
  const { width, height } = images[0] as ImageData;
  return {
    frameCount: images.length,
    fps: Number.NaN,
    width,
    height,
    time: () => undefined,
    async *frames(indices) {
      for (const index of indices) yield images[index] as ImageData;
    },
    close() {},
  };
}

function decodedFrames(frames: VideoFrame[]): FrameReader {
  const first = frames[0] as VideoFrame;
  const seconds = ((frames.at(-1)?.timestamp ?? 0) - first.timestamp) / 1e6;
  return {
    frameCount: frames.length,
    fps: seconds > 0 ? (frames.length - 1) / seconds : Number.NaN,
    width: first.codedWidth,
    height: first.codedHeight,
    time: (index) => (frames[index]?.timestamp ?? 0) / 1e6,
    async *frames(indices) {
      for (const index of indices) yield await framePixels(frames[index] as VideoFrame);
    },
    close() {},
  };
}
