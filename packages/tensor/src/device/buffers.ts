// GPU memory: a pool of buffers by size class, and reference-counted storages on top of it.
//
// A released buffer may be handed out again at once: the recorder keeps the order of commands, so whoever used
// the buffer before has been recorded before. Uploads jump that order (see Recorder.upload).
import { DeviceError } from '../errors.ts';
import { bufferUsage } from './webgpu-constants.ts';

/** Bytes of `n` rounded up to its size class: four classes to each power of two, 256 bytes at least. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const power = 2 ** Math.floor(Math.log2(bytes));
  const step = Math.max(power / 4, 256);
  return Math.ceil(bytes / step) * step;
}

/** A GPU buffer with a number of its own (bind groups are cached by it). */
export interface PooledBuffer {
  readonly id: number;
  readonly gpu: GPUBuffer;
  readonly bytes: number;
  /** The batch of commands that used it last; uploads look at it. */
  lastBatch: number;
}

export interface MemoryReport {
  /** Bytes and count of buffers in use by live tensors. */
  liveBytes: number;
  liveBuffers: number;
  /** Bytes and count of buffers kept for reuse. */
  pooledBytes: number;
  pooledBuffers: number;
  /** The most liveBytes + pooledBytes that there have been at once. */
  peakBytes: number;
}

/** What all pools of a device hold together. */
export interface MemoryTotals {
  /** Bytes of all buffers, in use or kept for reuse, and the most there have been. */
  bytes: number;
  peakBytes: number;
}

export interface PoolOptions {
  readonly totals: MemoryTotals;
  /** Called before a buffer is destroyed, so that nothing that waits to be submitted uses it. */
  readonly onDestroy: (buffer: PooledBuffer) => void;
  /** Record where each live buffer was allocated. */
  readonly debug: boolean;
  /** Whether free buffers may be destroyed when they pile up. Not those of a captured plan, which uses them again. */
  readonly trims: boolean;
}

/** Free bytes above which a pool lets go of its free buffers, unless more than that are in use. */
const keptBytes = 256 * 2 ** 20;

/** Buffers by size class. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #options: PoolOptions;
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #live = new Map<PooledBuffer, string>();
  readonly #maxBytes: number;
  #liveBytes = 0;
  #pooledBytes = 0;
  #retired = false;
  static #nextId = 1;

  constructor(device: GPUDevice, options: PoolOptions) {
    this.#device = device;
    this.#options = options;
    this.#maxBytes = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  }

  /** Whether this pool was retired and the last of its buffers is gone. */
  get isGone(): boolean {
    return this.#retired && this.#live.size === 0;
  }

  /** A buffer of at least `bytes` bytes with undefined content. Throws DeviceError past the binding limit. */
  acquire(bytes: number): PooledBuffer {
    if (bytes > this.#maxBytes) {
      throw new DeviceError(
        `A tensor of ${bytes} bytes was asked for; this adapter binds at most ${this.#maxBytes} bytes at once: use a smaller batch, width or image size.`,
      );
    }
    const size = Math.min(sizeClass(bytes), this.#maxBytes);
    let buffer = this.#free.get(size)?.pop();
    if (buffer) this.#pooledBytes -= size;
    else buffer = this.#create(size);
    this.#liveBytes += size;
    this.#live.set(buffer, this.#options.debug ? (new Error('allocated').stack ?? '') : '');
    return buffer;
  }

  release(buffer: PooledBuffer): void {
    if (!this.#live.delete(buffer)) return;
    this.#liveBytes -= buffer.bytes;
    if (this.#retired) {
      this.#destroy(buffer);
      return;
    }
    this.#pooledBytes += buffer.bytes;
    const list = this.#free.get(buffer.bytes);
    if (list) list.push(buffer);
    else this.#free.set(buffer.bytes, [buffer]);
  }

  /** Destroys every free buffer. The queue frees them at its next submit. */
  trim(): void {
    for (const list of this.#free.values()) for (const buffer of list) this.#destroy(buffer);
    this.#free.clear();
    this.#pooledBytes = 0;
  }

  /** Keeps nothing from now on: free buffers are destroyed, live ones when they are released. */
  retire(): void {
    this.#retired = true;
    this.trim();
  }

  report(): Omit<MemoryReport, 'peakBytes'> {
    let pooledBuffers = 0;
    for (const list of this.#free.values()) pooledBuffers += list.length;
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#live.size,
      pooledBytes: this.#pooledBytes,
      pooledBuffers,
    };
  }

  /** Live buffers with the place of their allocation (empty without `debug`). */
  live(): Iterable<[PooledBuffer, string]> {
    return this.#live;
  }

  #create(size: number): PooledBuffer {
    if (this.#options.trims && this.#pooledBytes > Math.max(keptBytes, this.#liveBytes)) this.trim();
    const usage = bufferUsage.STORAGE | bufferUsage.COPY_SRC | bufferUsage.COPY_DST;
    const { totals } = this.#options;
    totals.bytes += size;
    totals.peakBytes = Math.max(totals.peakBytes, totals.bytes);
    return {
      id: BufferPool.#nextId++,
      gpu: this.#device.createBuffer({ size, usage }),
      bytes: size,
      lastBatch: -1,
    };
  }

  #destroy(buffer: PooledBuffer): void {
    this.#options.onDestroy(buffer);
    buffer.gpu.destroy();
    this.#options.totals.bytes -= buffer.bytes;
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
