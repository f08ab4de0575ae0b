/**
 * Decoded planes to RGB: each pixel with the colour sample it shares, by exact arithmetic, as the native decoder has it.
 * Browsers differ here among themselves by several levels of 255.
 */

/** Where a plane lies in the bytes. */
export interface Plane {
  /** First byte. */
  readonly offset: number;
  /** Bytes from row to row. */
  readonly stride: number;
}

/** An 8-bit 4:2:0 picture: a plane of luma, and two of colour (I420) or one that holds both (NV12). */
export interface Yuv {
  /** How the planes lie, as WebCodecs names it. */
  readonly format: "I420" | "NV12";
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** All planes. */
  readonly bytes: Uint8Array;
  /** Where each begins. */
  readonly planes: readonly Plane[];
  /** As WebCodecs names it; unknown ones are taken for BT.601. */
  readonly matrix: string | null;
  /** Luma from 0 to 255, not from 16 to 235. */
  readonly fullRange: boolean;
}

/** Shares of red and blue in luma (ITU-R BT.601, BT.709, BT.2020). */
const LUMA: Readonly<Record<string, readonly [number, number]>> = {
  bt709: [0.2126, 0.0722],
  "bt2020-ncl": [0.2627, 0.0593],
};
const BT601 = [0.299, 0.114] as const;

/** `[height, width, 4]` RGBA bytes. */
export function rgbaOf(yuv: Yuv): Uint8ClampedArray {
  const { width, height, bytes, fullRange } = yuv;
  const [red, blue] = LUMA[yuv.matrix ?? ""] ?? BT601;
  const green = 1 - red - blue;
  const [black, lumaScale, colorScale] = fullRange ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
  const [toRed, toBlue] = [2 * (1 - red) * colorScale, 2 * (1 - blue) * colorScale];
  const [redToGreen, blueToGreen] = [(toRed * red) / green, (toBlue * blue) / green];
  const [luma, u, v, step] = colorPlanes(yuv);
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, out = 0; y < height; y++) {
    const row = luma.offset + y * luma.stride;
    const [uRow, vRow] = [u.offset + (y >> 1) * u.stride, v.offset + (y >> 1) * v.stride];
    for (let x = 0; x < width; x++, out += 4) {
      const level = ((bytes[row + x] ?? 0) - black) * lumaScale;
      const cb = (bytes[uRow + (x >> 1) * step] ?? 0) - 128;
      const cr = (bytes[vRow + (x >> 1) * step] ?? 0) - 128;
      // A clamped array rounds and clamps.
      rgba[out] = level + toRed * cr;
      rgba[out + 1] = level - redToGreen * cr - blueToGreen * cb;
      rgba[out + 2] = level + toBlue * cb;
      rgba[out + 3] = 255;
    }
  }
  return rgba;
}

/** Luma, both colours, and the bytes from one colour sample to the next. */
function colorPlanes({ format, planes }: Yuv): [Plane, Plane, Plane, number] {
  const [luma, first, second] = planes;
  if (!luma || !first) throw new RangeError(`${format} with ${planes.length} planes`);
  if (format === "NV12") return [luma, first, { ...first, offset: first.offset + 1 }, 2];
  if (!second) throw new RangeError(`I420 with ${planes.length} planes`);
  return [luma, first, second, 1];
}
