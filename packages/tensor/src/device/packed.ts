// What kernels made of buffers for their own use (textures of packed operands, largest magnitudes), kept so that the products
// that share an operand share it.
import type { Allocator, PooledBuffer, PooledTexture } from './buffers.ts';

type Made = PooledBuffer | PooledTexture;

/** What was made of one buffer, by what it is and how; it holds until the buffer changes or is freed. */
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

  /** What there is of a key, made by `make` from `pool` unless there is something already. */
  get<T extends Made>(key: string, pool: Allocator, make: (pool: Allocator) => T): T {
    const found = this.#made.get(key);
    if (found) return found.item as T; // a key says what is made, so its type
    const item = make(pool);
    this.#made.set(key, { item, pool });
    return item;
  }

  /** Lets go of all: the buffer is about to change, or to belong to somebody else. */
  drop(): void {
    for (const { item, pool } of this.#made.values()) pool.release(item);
    this.#owner.packed = null;
    this.#all.delete(this);
  }
}
