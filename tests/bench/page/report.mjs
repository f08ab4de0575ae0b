// What the measurements come to, as text.

/** Our time over the peer's, on each device; `goal` is the most we want, null where it is only measured. */
export const GOALS = { webgpu: null, cpu: 1.2 };

const left = (text, width) => String(text).padEnd(width);
const right = (text, width) => String(text).padStart(width);
const mib = (bytes) => (bytes === null ? "-" : (bytes / 2 ** 20).toFixed(0));

/** Lines of columns; the first column is flush left. */
function table(rows, widths) {
  return rows.map((row) => row.map((cell, i) => (i === 0 ? left(cell, widths[i]) : right(cell, widths[i]))).join(" ").trimEnd());
}

/** Ratios of medians by device, with the goal and whether it is reached. */
export function ratios(results) {
  const seconds = (library, device) => results.find((result) => result.library === library && result.device === device);
  const devices = [...new Set(results.map(({ device }) => device))];
  return devices.map((device) => {
    const [ours, theirs] = ["sgcr", "onnxruntime-web"].map((library) => seconds(library, device).medianSeconds);
    const goal = GOALS[device];
    return { device, ratio: ours / theirs, goal, reached: goal === null ? null : ours / theirs <= goal };
  });
}

const DEVICES = { webgpu: "WebGPU", cpu: "CPU in wasm" };

function verdict({ device, ratio, goal, reached }) {
  const state = goal === null ? "measured only" : `goal at most ${goal.toFixed(2)}: ${reached ? "reached" : "NOT reached"}`;
  return `  ${left(DEVICES[device], 12)} ${ratio.toFixed(2)}  (${state})`;
}

function timings(results) {
  const head = ["", "runs", "median s", "fastest", "slowest", "warm-up s", "open s", "wasm MiB", "GPU MiB", "process MiB"];
  const rows = results.map(({ library, device, medianSeconds, runSeconds, warmUpSeconds, openSeconds, peakBytes }) => [
    `${DEVICES[device]}, ${library}`,
    runSeconds.length,
    ...[medianSeconds, Math.min(...runSeconds), Math.max(...runSeconds), warmUpSeconds, openSeconds].map((s) => s.toFixed(2)),
    mib(peakBytes.wasmBytes),
    mib(device === "webgpu" ? peakBytes.gpuBytes : null),
    mib(peakBytes.process),
  ]);
  return table([head, ...rows], [28, 5, 9, 8, 8, 10, 8, 9, 8, 12]);
}

function shapeLine({ device, layers, frames, size, patch, width, heads }) {
  const tokens = 1 + frames * (size / patch) ** 2;
  const of = (count, whole) => (count === whole ? count : `${count} (of B/16's ${whole})`);
  const part = `${of(layers, 12)} layers, ${of(frames, 8)} frames of ${size}x${size}`;
  return `  ${left(DEVICES[device], 12)} ${part}: ${tokens} tokens, width ${width}, ${heads} heads`;
}

/** Sizes of wasm files, ours first. */
export function sizeReport(sizes, goal) {
  const mb = (bytes) => (bytes / 1e6).toFixed(2);
  const rows = Object.entries(sizes).map(([name, { raw, gzip, brotli }]) => [name, mb(raw), mb(gzip), mb(brotli)]);
  const { brotli } = Object.values(sizes)[0];
  const state = `goal for ours at most ${mb(goal)} brotli: ${brotli <= goal ? "reached" : "NOT reached"}`;
  return [...table([["wasm file, MB", "raw", "gzip", "brotli"], ...rows], [44, 8, 8, 8]), `  ${state}`].join("\n");
}

/** Everything but the sizes. */
export function report({ shapes, browser, cores, onnxruntime, results, agreements, ratios }) {
  const adapter = results.find((result) => result.adapter)?.adapter;
  return [
    "ViCLIP-B/16 video encoder, one clip, f32, random weights; runs turn by turn after one warm-up run",
    ...shapes.map(shapeLine),
    `Chromium ${browser}, ${cores} cores; onnxruntime-web ${onnxruntime}, 1 thread${adapter ? `; WebGPU adapter: ${adapter}` : ""}`,
    "",
    ...timings(results),
    "wasm, GPU, process: peaks of the module's memory, of the GPU buffers alive, of the page's process (resident).",
    "",
    "our time / theirs (below 1: we are faster)",
    ...ratios.map(verdict),
    "",
    "same computation: cosine of our embedding with theirs (in brackets: of two different clips)",
    ...agreements.map(({ device, cosine, otherClip }) => `  ${left(DEVICES[device], 12)} ${cosine.toFixed(6)} (${otherClip.toFixed(3)})`),
  ].join("\n");
}
