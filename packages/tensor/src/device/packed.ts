// Packed copies of buffers: what kernels derive from an operand (a texture of packed values, its largest
// magnitude). They are cached with the buffer, so that products that share an operand share its packing.
import type { Allocator, PooledBuffer, PooledTexture } from './buffers.ts';

type Made = PooledBuffer | PooledTexture;

/** The packed copies of one buffer by key. They are valid until the buffer changes or is freed. */
export class PackedCopies {
  readonly #owner: PooledBuffer;
  readonly #all: Set<PackedCopies>;
  readonly #made = new Map<string, { item: Made; pool: Allocator }>();

  constructor(owner: PooledBuffer, all: Set<PackedCopies>) {
    this.#owner = owner;
    this.#all = all;
    owner.packed = this;
    all.add(this);
  }

  /** The packed copy of a key; `make` creates it from `pool` when there is none. */
  get<T extends Made>(key: string, pool: Allocator, make: (pool: Allocator) => T): T {
    const found = this.#made.get(key);
    if (found) return found.item as T; // the key determines the type
    const item = make(pool);
    this.#made.set(key, { item, pool });
    return item;
  }

  /** Releases all copies, because the buffer is about to change or to get another owner. */
  drop(): void {
    for (const { item, pool } of this.#made.values()) pool.release(item);
    this.#owner.packed = null;
    this.#all.delete(this);
  }
}
