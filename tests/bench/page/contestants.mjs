// Runs in a page: opens a contestant, which becomes a function from a clip to its embedding.

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** `frames` pictures of noise over a moving ramp, the same in every page. */
export function drawClip({ frames, size, seed }) {
  let state = seed * 2654435761 + 1;
  const noise = () => (state = (Math.imul(state, 1664525) + 1013904223) | 0) >>> 24;
  return Array.from({ length: frames }, (_, t) => {
    const image = new ImageData(size, size);
    for (let i = 0; i < size * size; i++) {
      const ramp = ((i % size) + 9 * t + 31 * seed) % 256;
      for (let channel = 0; channel < 3; channel++) image.data[4 * i + channel] = (noise() + ramp) >> 1;
      image.data[4 * i + 3] = 255;
    }
    return image;
  });
}

/** What sgcr makes of the frames before its encoder: `[frames, 3, size, size]`, normalised. */
function pixels(clip) {
  const plane = clip[0].width * clip[0].height;
  const values = new Float32Array(clip.length * 3 * plane);
  clip.forEach(({ data }, t) => {
    for (let channel = 0; channel < 3; channel++) {
      const offset = (3 * t + channel) * plane;
      for (let i = 0; i < plane; i++) values[offset + i] = (data[4 * i + channel] / 255 - MEAN[channel]) / STD[channel];
    }
  });
  return values;
}

async function openSgcr({ device }) {
  const { createEngine } = await import("/sgcr/dist/index.js");
  const engine = await createEngine({ model: `/models/${device}/model/`, device, worker: false, cache: false });
  return async (clip) => (await engine.encodeVideo(clip)).embedding;
}

async function openOrt({ device }) {
  const ort = await import(`/ort/ort.${device === "webgpu" ? "webgpu" : "wasm"}.bundle.min.mjs`);
  ort.env.wasm.wasmPaths = "/ort/";
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(`/models/${device}/viclip.onnx`, {
    executionProviders: [device === "webgpu" ? "webgpu" : "wasm"],
    // An operation that WebGPU did not take would be measured on the CPU without a word.
    extra: device === "webgpu" ? { session: { disable_cpu_ep_fallback: "1" } } : {},
  });
  return async (clip) => {
    const { width, height } = clip[0];
    const input = new ort.Tensor("float32", pixels(clip), [1, clip.length, 3, height, width]);
    const { video_embed: output } = await session.run({ pixels: input });
    const embedding = await output.getData();
    output.dispose();
    return embedding;
  };
}

const OPEN = { sgcr: openSgcr, "onnxruntime-web": openOrt };

async function adapterName() {
  const { vendor, architecture, device, description } = (await navigator.gpu.requestAdapter()).info;
  return [vendor, architecture, device, description].filter(Boolean).join(", ");
}

let encode;

/** Opens a contestant and keeps it in the page. */
export async function open(contestant) {
  const adapter = contestant.device === "webgpu" ? await adapterName() : null;
  const begin = performance.now();
  encode = await OPEN[contestant.library](contestant);
  return { adapter, seconds: (performance.now() - begin) / 1000 };
}

/** Encodes one clip; drawing it is not timed, turning its bytes into numbers is. */
export async function run(clip) {
  const frames = drawClip(clip);
  const begin = performance.now();
  const embedding = await encode(frames);
  return { seconds: (performance.now() - begin) / 1000, embedding: [...embedding], memory: globalThis.memoryUse() };
}
