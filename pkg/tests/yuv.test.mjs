import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { load } from "./load.mjs";

const { rgbaOf } = await load("yuv.ts");
const [width, height] = [38, 22];
const sizes = [width * height, (width / 2) * (height / 2), (width / 2) * (height / 2)];

/** What ffmpeg makes of the same planes, as rgb24. */
function ffmpeg(bytes, matrix, range) {
  const raw = ["-f", "rawvideo", "-s", `${width}x${height}`];
  const flags = "neighbor+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact";
  const filter = `scale=flags=${flags}:in_color_matrix=${matrix}:in_range=${range},format=rgb24`;
  const options = [...raw, "-pix_fmt", "yuv420p", "-i", "pipe:0", "-vf", filter, ...raw, "-pix_fmt", "rgb24", "pipe:1"];
  return execFileSync("ffmpeg", ["-v", "error", ...options], { input: bytes });
}

/** The same every time, every level in it. */
function planes(begin, end) {
  let state = 7;
  return Uint8Array.from({ length: sizes[0] + sizes[1] + sizes[2] }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return begin + ((state >>> 16) % (end - begin + 1));
  });
}

for (const [matrix, name] of [["smpte170m", "bt601"], ["bt709", "bt709"], ["bt2020-ncl", "bt2020"], [null, "bt601"]]) {
  for (const fullRange of [false, true]) {
    test(`colours of ${matrix} with ${fullRange ? "full" : "video"} range are ffmpeg's`, () => {
      const bytes = fullRange ? planes(0, 255) : planes(16, 235);
      const layout = [[0, width], [sizes[0], width / 2], [sizes[0] + sizes[1], width / 2]];
      const picture = { format: "I420", width, height, bytes, planes: layout.map(([offset, stride]) => ({ offset, stride })), matrix, fullRange };
      const rgba = rgbaOf(picture);
      const expected = ffmpeg(bytes, name, fullRange ? "pc" : "tv");
      const differences = Array.from(expected, (level, i) => Math.abs(level - rgba[Math.floor(i / 3) * 4 + (i % 3)]));
      assert.ok(Math.max(...differences) <= 1, `off by ${Math.max(...differences)}`);
      assert.ok(differences.reduce((a, b) => a + b) / differences.length < 0.05);
      // The same with both colours in one plane.
      const interleaved = bytes.slice();
      for (let i = 0; i < sizes[1]; i++) {
        interleaved[sizes[0] + 2 * i] = bytes[sizes[0] + i];
        interleaved[sizes[0] + 2 * i + 1] = bytes[sizes[0] + sizes[1] + i];
      }
      const nv12 = { ...picture, format: "NV12", bytes: interleaved, planes: [{ offset: 0, stride: width }, { offset: sizes[0], stride: width }] };
      assert.deepEqual(rgbaOf(nv12), rgba);
    });
  }
}
