/**
 * Runs in a page before its contestant is loaded: counts the memory of WebAssembly modules and of GPU buffers from
 * outside, the same way for all. `globalThis.memoryUse()` tells; both are peaks.
 */
export function installMemoryHooks() {
  const memories = new Set();
  const { Memory, instantiate, instantiateStreaming } = WebAssembly;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      super(descriptor);
      memories.add(this);
    }
  };
  const keep = (result) => {
    for (const value of Object.values((result.instance ?? result).exports)) if (value instanceof Memory) memories.add(value);
    return result;
  };
  WebAssembly.instantiate = (...args) => instantiate(...args).then(keep);
  WebAssembly.instantiateStreaming = (...args) => instantiateStreaming(...args).then(keep);

  // A buffer lives until it is destroyed or collected.
  const alive = new Map();
  const ids = new WeakMap();
  let [last, now, peak] = [0, 0, 0];
  const end = (id) => {
    now -= alive.get(id) ?? 0;
    alive.delete(id);
  };
  const gone = new FinalizationRegistry(end);
  if (globalThis.GPUDevice) {
    const create = GPUDevice.prototype.createBuffer;
    GPUDevice.prototype.createBuffer = function (descriptor) {
      const buffer = create.call(this, descriptor);
      const id = ++last;
      alive.set(id, descriptor.size);
      ids.set(buffer, id);
      gone.register(buffer, id);
      now += descriptor.size;
      peak = Math.max(peak, now);
      return buffer;
    };
    const destroy = GPUBuffer.prototype.destroy;
    GPUBuffer.prototype.destroy = function () {
      end(ids.get(this));
      return destroy.call(this);
    };
  }
  globalThis.memoryUse = () => ({
    // A module's memory never shrinks.
    wasmBytes: [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0),
    gpuBytes: peak,
  });
}
