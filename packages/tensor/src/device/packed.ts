// Copies of buffers that kernels packed into textures, kept so that the products that share an operand share its packing.
import type { Allocator, PooledBuffer, PooledTexture } from './buffers.ts';

/** What was packed of one buffer, by what was packed and how; it holds until the buffer changes or is freed. */
export class PackedCopies {
  readonly #owner: PooledBuffer;
  readonly #all: Set<PackedCopies>;
  readonly #textures = new Map<string, { texture: PooledTexture; pool: Allocator }>();

  constructor(owner: PooledBuffer, all: Set<PackedCopies>) {
    this.#owner = owner;
    this.#all = all;
    owner.packed = this;
    all.add(this);
  }

  /** The texture of a key, made by `pack` in one from `pool` unless there is one already. */
  texture(
    key: string,
    texels: number,
    pool: Allocator,
    pack: (texture: PooledTexture) => void,
  ): PooledTexture {
    const found = this.#textures.get(key);
    if (found) return found.texture;
    const texture = pool.acquireTexture(texels);
    pack(texture);
    this.#textures.set(key, { texture, pool });
    return texture;
  }

  /** Lets go of all: the buffer is about to change, or to belong to somebody else. */
  drop(): void {
    for (const { texture, pool } of this.#textures.values()) pool.release(texture);
    this.#owner.packed = null;
    this.#all.delete(this);
  }
}
