// GPU memory: a pool of buffers and textures by size class, and reference-counted storages on top of it.
//
// The pool may hand out a released buffer at once: the recorder keeps the order of commands, so commands of
// the former owner run first. Uploads do not follow that order (see Recorder.upload).

import { DeviceError } from '../errors.ts';
import { type Shape, showShape } from '../shape.ts';
import type { GPUBuffer, GPUDevice, GPUTexture, GPUTextureView } from './globals.ts';
import type { PackedCopies } from './packed.ts';
import { bufferUsage, textureUsage } from './webgpu-constants.ts';

/**
 * `bytes` rounded up to its size class: at least 256, and four classes for each power of two. From 1 MiB on
 * there are 64, since rounding up large buffers wastes more memory than reuse saves.
 */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const power = 2 ** Math.floor(Math.log2(bytes));
  const step = Math.max(power / (bytes < 2 ** 20 ? 4 : 64), 256);
  return Math.ceil(bytes / step) * step;
}

let lastId = 0;

/** The next number for a buffer or texture. */
export function nextId(): number {
  return ++lastId;
}

/** A GPU buffer or texture with a unique number, which is its key in the cache of bind groups. */
export interface Pooled {
  readonly id: number;
  readonly bytes: number;
  /** The last batch of commands that used it; uploads compare it with the batch not yet submitted. */
  lastBatch: number;
}

export interface PooledBuffer extends Pooled {
  readonly gpu: GPUBuffer;
  /** The device that it belongs to, the only one that may bind it. */
  readonly owner: GPUDevice;
  /** Packed copies that kernels derived from it (Device.packed), or null. */
  packed: PackedCopies | null;
}

/** A part of a buffer that a kernel binds. Offsets are multiples of the device's storage alignment. */
export interface BufferRange {
  readonly buffer: PooledBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * A list of rgba32float texels, scratch space of kernels. Texel i is at (i mod textureWidth, ⌊i /
 * textureWidth⌋).
 */
export interface PooledTexture extends Pooled {
  readonly gpu: GPUTexture;
  readonly view: GPUTextureView;
}

/** Texels in a row of a pooled texture. A power of two, so that kernels need no division. */
export const textureWidth = 2048;

/** Bytes of a row of a pooled texture. */
export const textureRowBytes = textureWidth * 16;

/** Allocates buffers and textures: the pool, or a step that is being captured. */
export interface Allocator {
  /** The most texels that a texture can hold on this device. */
  readonly maxTexels: number;
  /**
   * A buffer of at least `bytes` bytes with undefined content. Throws DeviceError past the binding limit.
   * @param shape shape of the tensor that needs it, for error messages.
   */
  acquire(bytes: number, shape?: Shape): PooledBuffer;
  /** A texture of at least `texels` (at most `maxTexels`) texels with undefined content. */
  acquireTexture(texels: number): PooledTexture;
  /** Returns an item, which may be handed out again at once. */
  release(item: PooledBuffer | PooledTexture): void;
}

/** Throws DeviceError when a buffer of this size cannot be bound. */
export function checkBindable({ limits }: GPUDevice, bytes: number, shape?: Shape): void {
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  if (bytes <= most) return;
  throw new DeviceError(
    `This adapter binds at most ${most.toLocaleString('en')} bytes at once, and ${labelOf(tensorOf(shape), bytes)} was asked for: use smaller tensors (a smaller batch).`,
    { code: 'too-large' },
  );
}

/** The label that an allocation has at the driver, so that the driver's error names its purpose. */
export function labelOf(what: string, bytes: number): string {
  return `${what} (${bytes.toLocaleString('en')} bytes)`;
}

/** `a tensor of shape [2, 3]`. */
export function tensorOf(shape: Shape | undefined): string {
  return shape ? `a tensor of shape ${showShape(shape)}` : 'a buffer';
}

export function maxTexels({ limits }: GPUDevice): number {
  return textureWidth * limits.maxTextureDimension2D;
}

export function createBuffer(device: GPUDevice, size: number, what: string): GPUBuffer {
  const usage = bufferUsage.STORAGE | bufferUsage.COPY_SRC | bufferUsage.COPY_DST;
  return device.createBuffer({ label: labelOf(what, size), size, usage });
}

export function createTexture(device: GPUDevice, rows: number, what: string): GPUTexture {
  const label = labelOf(what, rows * textureRowBytes);
  const size = [textureWidth, rows];
  const usage = textureUsage.STORAGE_BINDING | textureUsage.COPY_DST;
  return device.createTexture({ label, size, format: 'rgba32float', usage });
}

export interface MemoryReport {
  /** Bytes and count of buffers in use by live tensors, and of textures that kernels use. */
  liveBytes: number;
  liveBuffers: number;
  /** Bytes and count of free buffers that are kept for reuse. */
  pooledBytes: number;
  pooledBuffers: number;
  /** The largest liveBytes + pooledBytes so far. */
  peakBytes: number;
}

/** Totals over all pools of a device. */
export interface MemoryTotals {
  /** Bytes of all buffers and textures, in use or kept for reuse, now and at most. */
  bytes: number;
  peakBytes: number;
}

export interface PoolOptions {
  readonly totals: MemoryTotals;
  /** Called before a buffer is destroyed; it submits pending commands that use the buffer. */
  readonly onDestroy: (item: Pooled) => void;
  /** Record where each live buffer was allocated. */
  readonly debug: boolean;
}

/** A pool frees its unused buffers once they exceed this many bytes and the bytes in use. */
const keptBytes = 256 * 2 ** 20;

/** Buffers and textures by size class. */
export class BufferPool implements Allocator {
  readonly #device: GPUDevice;
  readonly #options: PoolOptions;
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #freeTextures = new Map<number, PooledTexture[]>();
  readonly #live = new Map<PooledBuffer | PooledTexture, string>();
  #liveBytes = 0;
  #pooledBytes = 0;

  constructor(device: GPUDevice, options: PoolOptions) {
    this.#device = device;
    this.#options = options;
  }

  acquire(bytes: number, shape?: Shape): PooledBuffer {
    const { limits } = this.#device;
    checkBindable(this.#device, bytes, shape);
    const size = Math.min(sizeClass(bytes), limits.maxStorageBufferBindingSize, limits.maxBufferSize);
    return this.#take(this.#free, size, (id) => {
      return {
        id,
        gpu: createBuffer(this.#device, size, tensorOf(shape)),
        owner: this.#device,
        bytes: size,
        lastBatch: -1,
        packed: null,
      };
    });
  }

  get maxTexels(): number {
    return maxTexels(this.#device);
  }

  acquireTexture(texels: number): PooledTexture {
    const wanted = Math.ceil(sizeClass(texels * 16) / textureRowBytes);
    const rows = Math.min(wanted, this.#device.limits.maxTextureDimension2D);
    return this.#take(this.#freeTextures, rows * textureRowBytes, (id) => {
      const gpu = createTexture(this.#device, rows, 'packed operands');
      return { id, gpu, view: gpu.createView(), bytes: rows * textureRowBytes, lastBatch: -1 };
    });
  }

  release(item: PooledBuffer | PooledTexture): void {
    if (!this.#live.delete(item)) return;
    if ('packed' in item) item.packed?.drop();
    this.#liveBytes -= item.bytes;
    this.#pooledBytes += item.bytes;
    const free: Map<number, Pooled[]> = 'view' in item ? this.#freeTextures : this.#free;
    const list = free.get(item.bytes);
    if (list) list.push(item);
    else free.set(item.bytes, [item]);
  }

  /** Destroys every free buffer and texture. The queue frees them at its next submit. */
  trim(): void {
    for (const free of [this.#free, this.#freeTextures]) {
      for (const list of free.values()) for (const item of list) this.#destroy(item);
      free.clear();
    }
    this.#pooledBytes = 0;
  }

  report(): Omit<MemoryReport, 'peakBytes'> {
    let pooledBuffers = 0;
    for (const free of [this.#free, this.#freeTextures])
      for (const list of free.values()) pooledBuffers += list.length;
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#live.size,
      pooledBytes: this.#pooledBytes,
      pooledBuffers,
    };
  }

  /** Live buffers with the place of their allocation (empty without `debug`). */
  live(): Iterable<[Pooled, string]> {
    return this.#live;
  }

  #take<T extends PooledBuffer | PooledTexture>(
    free: Map<number, T[]>,
    bytes: number,
    create: (id: number) => T,
  ): T {
    let item = free.get(bytes)?.pop();
    if (item) {
      this.#pooledBytes -= bytes;
    } else {
      if (this.#pooledBytes > Math.max(keptBytes, this.#liveBytes)) this.trim();
      count(this.#options.totals, bytes);
      item = create(nextId());
    }
    this.#liveBytes += bytes;
    this.#live.set(item, this.#options.debug ? whereAmI() : '');
    return item;
  }

  #destroy(item: PooledBuffer | PooledTexture): void {
    this.#options.onDestroy(item);
    item.gpu.destroy();
    count(this.#options.totals, -item.bytes);
  }
}

/** Adds bytes (negative to subtract) to a device's totals. */
export function count(totals: MemoryTotals, bytes: number): void {
  totals.bytes += bytes;
  totals.peakBytes = Math.max(totals.peakBytes, totals.bytes);
}

/** The stack, for leak reports. */
export function whereAmI(): string {
  return new Error('allocated').stack ?? '';
}

/**
 * A pooled buffer shared by the tensors that view it. The last of them to release it returns it to the pool.
 */
export class Storage {
  readonly buffer: PooledBuffer;
  readonly #pool: Allocator;
  #references = 1;

  constructor(pool: Allocator, bytes: number, shape?: Shape) {
    this.#pool = pool;
    this.buffer = pool.acquire(bytes, shape);
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
