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

function verdict({ device, ratio, goal, reached }) {
  const name = device === "cpu" ? "CPU in wasm" : "WebGPU";
  const state = goal === null ? "measured only" : `goal at most ${goal.toFixed(2)}: ${reached ? "reached" : "NOT reached"}`;
  return `  ${left(name, 12)} ${ratio.toFixed(2)}  (${state})`;
}

function timings(results) {
  const head = ["", "runs", "median s", "fastest", "slowest", "warm-up s", "open s", "wasm MiB", "GPU MiB", "process MiB"];
  const rows = results.map(({ library, device, medianSeconds, runSeconds, warmUpSeconds, openSeconds, peakBytes }) => [
    `${device === "cpu" ? "CPU in wasm" : "WebGPU"}, ${library}`,
    runSeconds.length,
    ...[medianSeconds, Math.min(...runSeconds), Math.max(...runSeconds), warmUpSeconds, openSeconds].map((s) => s.toFixed(2)),
    mib(peakBytes.wasmBytes),
    mib(device === "webgpu" ? peakBytes.gpuBytes : null),
    mib(peakBytes.process),
  ]);
  return table([head, ...rows], [28, 5, 9, 8, 8, 10, 8, 9, 8, 12]);
}

function sizeLines(sizes, goal) {
  const mb = (bytes) => (bytes / 1e6).toFixed(2);
  const rows = Object.entries(sizes).map(([name, { raw, gzip, brotli }]) => [name, mb(raw), mb(gzip), mb(brotli)]);
  const { brotli } = Object.values(sizes)[0];
  const state = `goal for ours at most ${mb(goal)} brotli: ${brotli <= goal ? "reached" : "NOT reached"}`;
  return [...table([["wasm file, MB", "raw", "gzip", "brotli"], ...rows], [44, 8, 8, 8]), `  ${state}`];
}

/** The whole report. */
export function report({ shape, about, results, agreements, sizes, sizeGoal }) {
  const { layers, frames, size, tokens, width, heads } = shape;
  const part = layers === 12 ? "12 layers" : `${layers} of 12 layers (--layers 12: all of them)`;
  return [
    `ViCLIP-B/16 video encoder, ${part}, ${frames} frames of ${size}x${size}, one clip, f32:`,
    `joint attention over ${tokens} tokens, width ${width}, ${heads} heads. Runs turn by turn, after one warm-up run.`,
    ...about,
    "",
    ...timings(results),
    "wasm, GPU, process: peaks of the module's memory, of the GPU buffers alive, of the page's process (resident).",
    "",
    "our time / theirs (below 1: we are faster)",
    ...ratios(results).map(verdict),
    "",
    "same computation: cosine of the embeddings with onnxruntime-web's in wasm",
    ...agreements.map(({ name, cosine }) => `  ${left(name, 30)} ${cosine.toFixed(6)}`),
    ...(sizes ? ["", ...sizeLines(sizes, sizeGoal)] : []),
  ].join("\n");
}
