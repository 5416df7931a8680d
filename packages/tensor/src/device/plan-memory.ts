// The memory of captured steps. Between two replays the content of a step's buffers has no meaning, save for those that
// it returned or kept; so the steps of a device, which run one after the other, share theirs.
import {
  count,
  createBuffer,
  createTexture,
  type MemoryReport,
  type MemoryTotals,
  type Pooled,
  textureRowBytes,
} from './buffers.ts';
import { place } from './placement.ts';
import { WantedBuffer, type WantedTexture } from './trace.ts';

type Wanted = WantedBuffer | WantedTexture;

/** Memory that is given to one or several plans. */
interface Place {
  readonly bytes: number;
  readonly gpu: GPUBuffer | GPUTexture;
  readonly view: GPUTextureView | undefined;
  plans: number;
}

export interface PlanMemoryOptions {
  readonly totals: MemoryTotals;
  /** Called before an item that others may have bound is destroyed. */
  readonly onDestroy: (item: Pooled) => void;
  /** Called with an item whose memory its plan gives back. */
  readonly onLeave: (item: Pooled) => void;
}

export class PlanMemory {
  readonly #device: GPUDevice;
  readonly #options: PlanMemoryOptions;
  /** Shared by all plans: buffers, and textures. */
  readonly #shared: [Place[], Place[]] = [[], []];
  /** What plans returned or kept, with its place. */
  readonly #own = new Map<Wanted, Place>();

  constructor(device: GPUDevice, options: PlanMemoryOptions) {
    this.#device = device;
    this.#options = options;
  }

  /** Gives memory to all items that are used or held. @returns what to call when their plan is done with. */
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

  /** An item was let go by its tensors or its plan: without both it is destroyed. */
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

  /** @param item what it is for first, in messages. */
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
