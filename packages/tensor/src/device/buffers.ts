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
  /** The largest liveBytes + pooledBytes seen so far. */
  peakBytes: number;
}

/** Buffers by size class. `debug` records where each live buffer was allocated. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #live = new Map<PooledBuffer, string>();
  readonly #onDestroy: (buffer: PooledBuffer) => void;
  readonly #maxBytes: number;
  #liveBytes = 0;
  #pooledBytes = 0;
  #peakBytes = 0;
  static #nextId = 1;
  debug: boolean;

  constructor(device: GPUDevice, onDestroy: (buffer: PooledBuffer) => void, debug: boolean) {
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
    const list = this.#free.get(size);
    let buffer = list?.pop();
    if (buffer) {
      this.#pooledBytes -= size;
    } else {
      const usage = bufferUsage.STORAGE | bufferUsage.COPY_SRC | bufferUsage.COPY_DST;
      buffer = {
        id: BufferPool.#nextId++,
        gpu: this.#device.createBuffer({ size, usage }),
        bytes: size,
        lastBatch: -1,
      };
    }
    this.#liveBytes += size;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes + this.#pooledBytes);
    this.#live.set(buffer, this.debug ? (new Error('allocated').stack ?? '') : '');
    return buffer;
  }

  release(buffer: PooledBuffer): void {
    if (!this.#live.delete(buffer)) return;
    this.#liveBytes -= buffer.bytes;
    this.#pooledBytes += buffer.bytes;
    const list = this.#free.get(buffer.bytes);
    if (list) list.push(buffer);
    else this.#free.set(buffer.bytes, [buffer]);
  }

  /** Destroys every free buffer. The queue frees them at its next submit. */
  trim(): void {
    for (const list of this.#free.values()) {
      for (const buffer of list) {
        this.#onDestroy(buffer);
        buffer.gpu.destroy();
        this.#pooledBytes -= buffer.bytes;
      }
    }
    this.#free.clear();
  }

  report(): MemoryReport {
    let pooledBuffers = 0;
    for (const list of this.#free.values()) pooledBuffers += list.length;
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
