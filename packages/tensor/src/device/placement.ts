// Decides which buffers of a plan share memory: those that are never in use at the same time.
//
// Whole buffers are shared, not parts of one large buffer. Dawn synchronises commands by the buffers that
// they bind, so independent commands on parts of one buffer would wait for each other. Method: "greedy by
// size" for shared objects, Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference"
// (2020), section 4.

/** A buffer of `bytes` bytes that is in use from its first to its last command, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/**
 * For each lifetime the number of its place, and the size of each place. Places that existed before come
 * first.
 */
export interface Placement {
  readonly places: readonly number[];
  readonly sizes: readonly number[];
}

/**
 * Assigns each lifetime a place: one of the existing places, of sizes `present`, if it fits, otherwise a new
 * one.
 */
export function place(lifetimes: readonly Lifetime[], present: readonly number[] = []): Placement {
  const sizes = [...present];
  const users: Lifetime[][] = sizes.map(() => []);
  const places: number[] = [];
  const order = [...lifetimes.keys()].sort((a, b) => lifetimes[b]!.bytes - lifetimes[a]!.bytes || a - b);
  for (const i of order) {
    const item = lifetimes[i]!;
    const meets = (other: Lifetime): boolean => item.first <= other.last && other.first <= item.last;
    let best = -1;
    for (const [at, size] of sizes.entries()) {
      if (size < item.bytes || (best >= 0 && size >= sizes[best]!)) continue;
      if (!users[at]!.some(meets)) best = at;
    }
    if (best < 0) {
      best = sizes.length;
      sizes.push(item.bytes);
      users.push([]);
    }
    users[best]!.push(item);
    places[i] = best;
  }
  return { places, sizes };
}

/** The most bytes in use at once; no placement needs less. */
export function mostAtOnce(lifetimes: readonly Lifetime[]): number {
  const changes = lifetimes.flatMap(({ bytes, first, last }) => [
    { at: first, bytes },
    { at: last + 1, bytes: -bytes },
  ]);
  changes.sort((a, b) => a.at - b.at || a.bytes - b.bytes);
  let now = 0;
  let most = 0;
  for (const { bytes } of changes) {
    now += bytes;
    most = Math.max(most, now);
  }
  return most;
}
