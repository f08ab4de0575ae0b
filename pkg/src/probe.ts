/** What this browser and machine can do, and why not. */

/** WebGPU as found. */
export interface WebGpuProbe {
  /** Whether an adapter was given. */
  readonly available: boolean;
  /** Why not, and what to do; null where it is. */
  readonly reason: string | null;
  /** Maker and architecture, for people; empty where the browser hides them. */
  readonly adapter: string;
  /** A GPU imitated by the CPU: right, but slow. */
  readonly software: boolean;
  /** 16-bit shaders. */
  readonly f16: boolean;
  /** Shader subgroups. */
  readonly subgroups: boolean;
  /** Largest buffer in bytes; 0 without an adapter. */
  readonly maxBufferBytes: number;
}

/** Video decoding as found. */
export interface VideoProbe {
  /** Whether WebCodecs is there. */
  readonly available: boolean;
  /** Codecs that decode, of h264, hevc, vp8, vp9, av1. */
  readonly codecs: readonly string[];
}

/** Storage as found. */
export interface StorageProbe {
  /** Whether weights can be kept. */
  readonly available: boolean;
  /** Bytes the browser would keep; 0 when unknown. */
  readonly quota: number;
  /** Bytes in use by this site. */
  readonly usage: number;
}

/** What the machine can do. */
export interface Probe {
  /** GPU computing. */
  readonly webgpu: WebGpuProbe;
  /** WebAssembly with SIMD, which the engine needs. */
  readonly wasmSimd: boolean;
  /** Video decoding. */
  readonly video: VideoProbe;
  /** Where weights are kept. */
  readonly storage: StorageProbe;
  /** The device that "auto" tries first; null where nothing works. */
  readonly device: "webgpu" | "cpu" | null;
  /** What is missing and what to do, for people. */
  readonly advice: readonly string[];
}

/** The smallest module with a v128 instruction. */
const SIMD_MODULE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

const CODECS: Readonly<Record<string, string>> = {
  h264: "avc1.42001f",
  hevc: "hvc1.1.6.L93.B0",
  vp8: "vp8",
  vp9: "vp09.00.10.08",
  av1: "av01.0.04M.08",
};

const NO_API = "this browser has no WebGPU; use a current Chrome, Edge, Safari or Firefox";
const NO_ADAPTER =
  "the browser has WebGPU but gives no GPU adapter: the GPU or its driver is blocked or missing; update the driver, or look at chrome://gpu";
const NOT_SECURE = "WebGPU needs https (or localhost); this page came by plain http";

const IMITATED = "this browser has no GPU and imitates one on the CPU, which takes several times as long";

/** Why there is no WebGPU here, or null where there is. */
export async function webgpuAbsence(): Promise<string | null> {
  return (await findAdapter()).reason;
}

/** Why "auto" had better take the CPU, or null where WebGPU is a real GPU's. */
export async function webgpuDrawback(): Promise<string | null> {
  const { adapter, reason } = await findAdapter();
  return adapter && isSoftware(adapter.info) ? IMITATED : reason;
}

const adapterName = (info?: GPUAdapterInfo): string =>
  [info?.vendor, info?.architecture, info?.description].filter((word) => word).join(" ");

function isSoftware(info?: GPUAdapterInfo): boolean {
  return info?.isFallbackAdapter === true || /swiftshader|llvmpipe|basic render/i.test(adapterName(info));
}

async function findAdapter(): Promise<{ adapter: GPUAdapter | null; reason: string | null }> {
  // Absent in plain-http pages and old browsers, whatever the types say.
  const gpu = (navigator as Partial<Navigator>).gpu;
  if (!gpu) return { adapter: null, reason: globalThis.isSecureContext ? NO_API : NOT_SECURE };
  try {
    const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
    return { adapter, reason: adapter ? null : NO_ADAPTER };
  } catch (error) {
    return { adapter: null, reason: `${NO_ADAPTER} (${(error as Error).message})` };
  }
}

async function probeWebGpu(): Promise<WebGpuProbe> {
  const { adapter, reason } = await findAdapter();
  return {
    available: adapter !== null,
    reason,
    adapter: adapterName(adapter?.info),
    software: isSoftware(adapter?.info),
    f16: adapter?.features.has("shader-f16") ?? false,
    subgroups: adapter?.features.has("subgroups") ?? false,
    maxBufferBytes: adapter?.limits.maxBufferSize ?? 0,
  };
}

async function probeVideo(): Promise<VideoProbe> {
  if (typeof VideoDecoder === "undefined") return { available: false, codecs: [] };
  const checks = Object.entries(CODECS).map(async ([name, codec]) => {
    const { supported } = await VideoDecoder.isConfigSupported({ codec }).catch(() => ({ supported: false }));
    return supported ? [name] : [];
  });
  return { available: true, codecs: (await Promise.all(checks)).flat() };
}

async function probeStorage(): Promise<StorageProbe> {
  try {
    await caches.has("sgcr-models");
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return { available: true, quota, usage };
  } catch {
    return { available: false, quota: 0, usage: 0 };
  }
}

/** Finds out what works here, before anything is downloaded. */
export async function probe(): Promise<Probe> {
  const [webgpu, video, storage] = await Promise.all([probeWebGpu(), probeVideo(), probeStorage()]);
  const wasmSimd = WebAssembly.validate(SIMD_MODULE);
  const advice: string[] = [];
  if (!wasmSimd) advice.push("This browser has no WebAssembly SIMD, which the engine needs; use a current browser.");
  if (webgpu.reason) advice.push(`The engine runs on the CPU: ${webgpu.reason}.`);
  else if (webgpu.software) advice.push(`The engine runs on the CPU: ${IMITATED}.`);
  if (!video.available) advice.push("This browser has no WebCodecs: video files cannot be decoded here.");
  if (!storage.available) advice.push("The browser keeps no data for this page: weights are downloaded at each visit.");
  const gpu = webgpu.available && !webgpu.software;
  return { webgpu, wasmSimd, video, storage, device: wasmSimd ? (gpu ? "webgpu" : "cpu") : null, advice };
}
