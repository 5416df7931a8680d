// GPU memory: a pool of buffers and textures by size class, and reference-counted storages on top of it.
//
// A released buffer may be handed out again at once: the recorder keeps the order of commands, so whoever used
// the buffer before has been recorded before. Uploads jump that order (see Recorder.upload).
import { DeviceError } from '../errors.ts';
import { bufferUsage, textureUsage } from './webgpu-constants.ts';

/** Bytes of `n` rounded up to its size class: four classes to each power of two, 256 bytes at least. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const power = 2 ** Math.floor(Math.log2(bytes));
  const step = Math.max(power / 4, 256);
  return Math.ceil(bytes / step) * step;
}

/** A GPU buffer or texture with a number of its own (bind groups are cached by it). */
interface Pooled {
  readonly id: number;
  readonly bytes: number;
  /** The batch of commands that used it last; uploads look at it. */
  lastBatch: number;
}

export interface PooledBuffer extends Pooled {
  readonly gpu: GPUBuffer;
}

/** A list of rgba32float texels: texel i lies at (i mod textureWidth, ⌊i / textureWidth⌋). Kernels' scratch space. */
export interface PooledTexture extends Pooled {
  readonly gpu: GPUTexture;
  readonly view: GPUTextureView;
}

/** Texels to a row of a pooled texture. A power of two, so that kernels need no division. */
export const textureWidth = 2048;

const texelBytes = 16;

export interface MemoryReport {
  /** Bytes and count of buffers (and textures) in use. */
  liveBytes: number;
  liveBuffers: number;
  /** Bytes and count of those kept for reuse. */
  pooledBytes: number;
  pooledBuffers: number;
  /** The largest liveBytes + pooledBytes seen so far. */
  peakBytes: number;
}

/** Buffers and textures by size class. `debug` records where each live one was allocated. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #freeTextures = new Map<number, PooledTexture[]>();
  readonly #live = new Map<PooledBuffer | PooledTexture, string>();
  readonly #onDestroy: (item: Pooled) => void;
  readonly #maxBytes: number;
  #liveBytes = 0;
  #pooledBytes = 0;
  #peakBytes = 0;
  static #nextId = 1;
  debug: boolean;

  constructor(device: GPUDevice, onDestroy: (item: Pooled) => void, debug: boolean) {
    this.#device = device;
    this.#onDestroy = onDestroy;
    this.#maxBytes = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    this.debug = debug;
  }

  /** A buffer of at least `bytes` bytes with undefined content. Throws DeviceError past the binding limit. */
  acquire(bytes: number): PooledBuffer {
    if (bytes > this.#maxBytes) {
      throw new DeviceError(
        `A tensor of ${bytes} bytes was asked for; this adapter binds at most ${this.#maxBytes} bytes at once: use a smaller batch, width or image size.`,
      );
    }
    const size = Math.min(sizeClass(bytes), this.#maxBytes);
    return this.#take(this.#free, size, (id) => {
      const usage = bufferUsage.STORAGE | bufferUsage.COPY_SRC | bufferUsage.COPY_DST;
      return { id, gpu: this.#device.createBuffer({ size, usage }), bytes: size, lastBatch: -1 };
    });
  }

  /** The most texels that a texture can hold on this device. */
  get maxTexels(): number {
    return textureWidth * this.#device.limits.maxTextureDimension2D;
  }

  /** A texture of at least `texels` (at most `maxTexels`) texels with undefined content. */
  acquireTexture(texels: number): PooledTexture {
    const row = textureWidth * texelBytes;
    const bytes = Math.min(
      Math.ceil(sizeClass(texels * texelBytes) / row) * row,
      this.maxTexels * texelBytes,
    );
    return this.#take(this.#freeTextures, bytes, (id) => {
      const gpu = this.#device.createTexture({
        size: [textureWidth, bytes / row],
        format: 'rgba32float',
        usage: textureUsage.STORAGE_BINDING,
      });
      return { id, gpu, view: gpu.createView(), bytes, lastBatch: -1 };
    });
  }

  #take<T extends PooledBuffer | PooledTexture>(
    free: Map<number, T[]>,
    bytes: number,
    make: (id: number) => T,
  ): T {
    let item = free.get(bytes)?.pop();
    if (item) this.#pooledBytes -= bytes;
    else item = make(BufferPool.#nextId++);
    this.#liveBytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes + this.#pooledBytes);
    this.#live.set(item, this.debug ? (new Error('allocated').stack ?? '') : '');
    return item;
  }

  release(item: PooledBuffer | PooledTexture): void {
    if (!this.#live.delete(item)) return;
    this.#liveBytes -= item.bytes;
    this.#pooledBytes += item.bytes;
    const free: Map<number, unknown[]> = 'view' in item ? this.#freeTextures : this.#free;
    const list = free.get(item.bytes);
    if (list) list.push(item);
    else free.set(item.bytes, [item]);
  }

  /** Destroys every free buffer and texture. The queue frees them at its next submit. */
  trim(): void {
    for (const free of [this.#free, this.#freeTextures]) {
      for (const item of [...free.values()].flat()) {
        this.#onDestroy(item);
        item.gpu.destroy();
        this.#pooledBytes -= item.bytes;
      }
      free.clear();
    }
  }

  report(): MemoryReport {
    let pooledBuffers = 0;
    for (const free of [this.#free, this.#freeTextures])
      for (const list of free.values()) pooledBuffers += list.length;
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#live.size,
      pooledBytes: this.#pooledBytes,
      pooledBuffers,
      peakBytes: this.#peakBytes,
    };
  }

  /** Where each live buffer was allocated (needs `debug`), most common place first. */
  leaks(): { bytes: number; count: number; where: string }[] {
    const places = new Map<string, { bytes: number; count: number; where: string }>();
    for (const [buffer, where] of this.#live) {
      const place = places.get(where) ?? { bytes: 0, count: 0, where };
      place.bytes += buffer.bytes;
      place.count += 1;
      places.set(where, place);
    }
    return [...places.values()].sort((a, b) => b.count - a.count);
  }
}

/** A pooled buffer shared by the tensors that view it; back to the pool when the last lets go. */
export class Storage {
  readonly buffer: PooledBuffer;
  readonly #pool: BufferPool;
  #references = 1;

  constructor(pool: BufferPool, bytes: number) {
    this.#pool = pool;
    this.buffer = pool.acquire(bytes);
  }

  get references(): number {
    return this.#references;
  }

  retain(): this {
    this.#references++;
    return this;
  }

  release(): void {
    if (--this.#references === 0) this.#pool.release(this.buffer);
  }
}
