/** RGBA bytes of whatever holds a picture in a browser. */

import { DecodeError } from "./errors.js";
import { rgbaOf } from "./yuv.js";

/** A frame's bytes: `[height, width, 4]`. */
export interface Pixels {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** RGBA rows from the top. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** A decoded frame's bytes. The frame stays the caller's to close. */
export async function framePixels(frame: VideoFrame): Promise<Pixels> {
  const rect = frame.visibleRect;
  const width = rect?.width ?? frame.codedWidth;
  const height = rect?.height ?? frame.codedHeight;
  const planes = await planarPixels(frame, width, height);
  if (planes) return planes;
  try {
    const data = new Uint8Array(width * height * 4);
    await frame.copyTo(data, { format: "RGBA", layout: [{ offset: 0, stride: width * 4 }], ...(rect ? { rect } : {}) });
    return { width, height, data };
  } catch {
    // Browsers from before copyTo could convert.
    return drawnPixels(frame, width, height);
  }
}

/** Null for formats that the browser must convert: RGB, 4:2:2, 4:4:4, more than 8 bits, or hidden on the GPU. */
async function planarPixels(frame: VideoFrame, width: number, height: number): Promise<Pixels | null> {
  const { format, colorSpace } = frame;
  if (format !== "I420" && format !== "NV12") return null;
  const bytes = new Uint8Array(frame.allocationSize());
  const planes = await frame.copyTo(bytes);
  const { matrix, fullRange } = colorSpace;
  return { width, height, data: rgbaOf({ format, width, height, bytes, planes, matrix, fullRange: fullRange === true }) };
}

/** An image's bytes. The bitmap stays the caller's to close. */
export function bitmapPixels(bitmap: ImageBitmap): ImageData {
  return drawnPixels(bitmap, bitmap.width, bitmap.height);
}

function drawnPixels(picture: VideoFrame | ImageBitmap, width: number, height: number): ImageData {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new DecodeError("cannot read a decoded frame: the browser gives no 2D canvas here");
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

/** Turns a picture clockwise, as a phone's video asks for. */
export function rotated(pixels: Pixels, degrees: number): Pixels {
  const turn = ((degrees % 360) + 360) % 360;
  if (turn === 0) return pixels;
  const { width, height } = pixels;
  const from = new Uint32Array(pixels.data.buffer, pixels.data.byteOffset, width * height);
  const to = new Uint32Array(width * height);
  const outWidth = turn === 180 ? width : height;
  const outHeight = turn === 180 ? height : width;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const fromX = turn === 90 ? y : turn === 180 ? width - 1 - x : width - 1 - y;
      const fromY = turn === 90 ? height - 1 - x : turn === 180 ? height - 1 - y : x;
      to[y * outWidth + x] = from[fromY * width + fromX] ?? 0;
    }
  }
  return { width: outWidth, height: outHeight, data: new Uint8Array(to.buffer) };
}
