// The memory of captured steps. Between replays only the buffers that a step returned or kept hold values
// that matter. All plans of a device therefore share the memory of their other buffers: replays run one after
// another.

import {
  count,
  createBuffer,
  createTexture,
  type MemoryReport,
  type MemoryTotals,
  type Pooled,
  textureRowBytes,
} from './buffers.ts';
import type { GPUBuffer, GPUDevice, GPUTexture, GPUTextureView } from './globals.ts';
import { place } from './placement.ts';
import { WantedBuffer, type WantedTexture } from './trace.ts';

type Wanted = WantedBuffer | WantedTexture;

/** Memory that belongs to one or several plans. */
interface Place {
  readonly bytes: number;
  readonly gpu: GPUBuffer | GPUTexture;
  readonly view: GPUTextureView | undefined;
  plans: number;
}

export interface PlanMemoryOptions {
  readonly totals: MemoryTotals;
  /** Called before an item is destroyed that other commands may have bound. */
  readonly onDestroy: (item: Pooled) => void;
  /** Called with each item whose plan returns its memory. */
  readonly onLeave: (item: Pooled) => void;
}

export class PlanMemory {
  readonly #device: GPUDevice;
  readonly #options: PlanMemoryOptions;
  /** Shared by all plans: buffers, and textures. */
  readonly #shared: [Place[], Place[]] = [[], []];
  /** Items that plans returned or kept, with their places. */
  readonly #own = new Map<Wanted, Place>();

  constructor(device: GPUDevice, options: PlanMemoryOptions) {
    this.#device = device;
    this.#options = options;
  }

  /**
   * Gives memory to all items that are used or held.
   * @returns a function that returns the memory, for the plan's end.
   */
  provide(items: Iterable<Wanted>): () => void {
    const used = [...items].filter(({ held, first }) => held || first >= 0);
    const passing = used.filter(({ held }) => !held);
    const places = [
      ...this.#share(
        0,
        passing.filter((item) => item instanceof WantedBuffer),
      ),
      ...this.#share(
        1,
        passing.filter((item) => !(item instanceof WantedBuffer)),
      ),
    ];
    const own = used.filter(({ held }) => held);
    for (const item of own) {
      const made = this.#create(item.bytes, item);
      made.plans = 1;
      settle(item, made);
      this.#own.set(item, made);
    }
    return () => {
      for (const item of passing) this.#options.onLeave(item);
      for (const shared of places) this.#leave(shared);
      for (const item of own) {
        this.#own.get(item)!.plans = 0;
        this.released(item);
      }
    };
  }

  /**
   * Destroys an item once neither its tensors nor its plan use it. Called when one of the two releases it.
   */
  released(item: Wanted): void {
    const own = this.#own.get(item);
    if (!own || item.held || own.plans > 0) return;
    this.#own.delete(item);
    this.#options.onDestroy(item);
    this.#destroy(own);
  }

  report(): Omit<MemoryReport, 'peakBytes'> {
    const total = { liveBytes: 0, liveBuffers: 0, pooledBytes: 0, pooledBuffers: 0 };
    for (const { bytes } of this.#shared.flat()) {
      total.pooledBytes += bytes;
      total.pooledBuffers++;
    }
    for (const { held, bytes } of this.#own.keys()) {
      total[held ? 'liveBytes' : 'pooledBytes'] += bytes;
      total[held ? 'liveBuffers' : 'pooledBuffers']++;
    }
    return total;
  }

  /** Held items with the place of their allocation (empty without `debug`). */
  *live(): Iterable<[Pooled, string]> {
    for (const item of this.#own.keys()) if (item.held) yield [item, item.where];
  }

  #share(kind: 0 | 1, items: readonly Wanted[]): Place[] {
    const list = this.#shared[kind];
    const { places, sizes } = place(
      items,
      list.map(({ bytes }) => bytes),
    );
    for (let at = list.length; at < sizes.length; at++) {
      // A place is as large as the largest item in it.
      const bytes = sizes[at]!;
      list.push(this.#create(bytes, items.find((item, i) => places[i] === at && item.bytes === bytes)!));
    }
    const used = new Set(places.map((at) => list[at]!));
    for (const [i, item] of items.entries()) settle(item, list[places[i]!]!);
    for (const shared of used) shared.plans++;
    return [...used];
  }

  #leave(shared: Place): void {
    if (--shared.plans > 0) return;
    for (const list of this.#shared) {
      const at = list.indexOf(shared);
      if (at >= 0) list.splice(at, 1);
    }
    this.#destroy(shared);
  }

  /** @param item the item whose use labels the memory in error messages. */
  #create(bytes: number, item: Wanted): Place {
    count(this.#options.totals, bytes);
    if (item instanceof WantedBuffer)
      return { bytes, gpu: createBuffer(this.#device, bytes, item.what), view: undefined, plans: 0 };
    const gpu = createTexture(this.#device, bytes / textureRowBytes, item.what);
    return { bytes, gpu, view: gpu.createView(), plans: 0 };
  }

  #destroy({ gpu, bytes }: Place): void {
    gpu.destroy();
    count(this.#options.totals, -bytes);
  }
}

function settle(item: Wanted, { gpu, view }: Place): void {
  item.gpu = gpu as GPUBuffer & GPUTexture;
  if (!(item instanceof WantedBuffer)) item.view = view!;
}
