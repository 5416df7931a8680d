// Parameter buffers and bind groups of dispatches, cached by content.

import { OutOfMemoryError } from '../errors.ts';
import type { Pooled } from './buffers.ts';
import { bindGroupOf, type FloatParam, type Operand } from './command.ts';
import type { GPUBindGroup, GPUBuffer, GPUDevice } from './globals.ts';
import type { CompiledKernel } from './pipelines.ts';
import { bufferUsage } from './webgpu-constants.ts';

/**
 * Most bind groups and parameter buffers in the cache. A training step needs a few hundred. llvmpipe maps a
 * page for each bind group that is not garbage-collected yet, and crashes beyond the 65,530 mappings that
 * Linux allows a process. A cache of 16,384 reached that limit in programs whose shapes kept changing.
 */
const cacheEntries = 2048;

export class Bindings {
  readonly #device: GPUDevice;
  readonly #params = new Map<string, GPUBuffer>();
  readonly #groups = new Map<string, GPUBindGroup>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The buffer of these parameters. Such buffers never change, so equal parameters share one. */
  params(params: readonly (number | FloatParam)[]): { buffer: GPUBuffer; key: string } {
    let key = '';
    for (const p of params) key += typeof p === 'number' ? `${p},` : `${p.f32}f,`;
    let buffer = this.#params.get(key);
    if (!buffer) {
      const words = Math.max(4, Math.ceil(params.length / 4) * 4);
      buffer = this.#createMapped(words * 4);
      const view = new DataView(buffer.getMappedRange());
      for (const [i, p] of params.entries()) {
        if (typeof p !== 'number') view.setFloat32(i * 4, p.f32, true);
        else view.setInt32(i * 4, p | 0, true);
      }
      buffer.unmap();
      evictOldest(this.#params);
      this.#params.set(key, buffer);
    }
    return { buffer, key };
  }

  /**
   * A buffer mapped at creation throws at once when there is no memory for it; other buffers report it later.
   */
  #createMapped(size: number): GPUBuffer {
    const label = "a kernel's parameters";
    try {
      return this.#device.createBuffer({ label, size, usage: bufferUsage.UNIFORM, mappedAtCreation: true });
    } catch (cause) {
      if (cause instanceof RangeError) throw new OutOfMemoryError(`${label} (${size} bytes)`, { cause });
      throw cause;
    }
  }

  /** The bind group of a kernel's parameters and operands. */
  group(
    kernel: CompiledKernel,
    { buffer, key: paramKey }: { buffer: GPUBuffer; key: string },
    operands: readonly Operand[],
  ): GPUBindGroup {
    let key = `${kernel.id};${paramKey};`;
    for (const operand of operands) {
      key +=
        'view' in operand ? `${operand.id}:,` : `${operand.buffer.id}:${operand.offset}:${operand.bytes},`;
    }
    let group = this.#groups.get(key);
    if (!group) {
      group = bindGroupOf(this.#device, kernel, buffer, operands);
      evictOldest(this.#groups);
      this.#groups.set(key, group);
    }
    return group;
  }

  /** Drops the bind groups of a buffer or texture that is about to be destroyed. */
  forget({ id }: Pooled): void {
    for (const key of this.#groups.keys()) {
      if (key.slice(key.indexOf(';')).includes(`${id}:`)) this.#groups.delete(key);
    }
  }

  clear(): void {
    this.#groups.clear();
    this.#params.clear();
  }
}

/** Keeps a cache within bounds: Maps iterate in order of insertion, so the first key is the oldest. */
function evictOldest(cache: Map<string, unknown>): void {
  if (cache.size < cacheEntries) return;
  for (const key of cache.keys()) {
    cache.delete(key);
    if (cache.size < cacheEntries * 0.75) return;
  }
}
