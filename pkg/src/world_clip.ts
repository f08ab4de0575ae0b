/** Clips of the generated world as the page shows them. */

import type { WorldClip } from "./types.js";
import type { VidorDocument } from "./types_fine_tune.js";
import type { Wasm } from "./wasm.js";

/** Draws the clip of a seed. */
export function drawWorldClip(wasm: Wasm, seed: number): WorldClip {
  const clip = new wasm.WorldClip(seed);
  try {
    const { width, height, frames: count, fps } = clip;
    const rgb = clip.render();
    const frames = Array.from({ length: count }, (_, frame) => {
      const image = new ImageData(width, height);
      const offset = frame * width * height * 3;
      for (let pixel = 0; pixel < width * height; pixel++) {
        const from = offset + pixel * 3;
        image.data.set(rgb.subarray(from, from + 3), pixel * 4);
        image.data[pixel * 4 + 3] = 255;
      }
      return image;
    });
    const graph = JSON.parse(clip.graph()) as VidorDocument;
    return { frames, fps, captions: clip.captions(), nearMisses: clip.nearMisses() as WorldClip["nearMisses"], graph };
  } finally {
    clip.free();
  }
}
