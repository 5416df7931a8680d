// Which of a plan's buffers may share memory: those that are never in use at the same time.
//
// Whole buffers are shared, not parts of one large one: Dawn orders commands by the buffers that they bind, so parts of
// one buffer would make commands wait for each other that have nothing to do with each other. Method: "greedy by size"
// for shared objects, Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020), section 4.

/** Something that needs `bytes` bytes from its first to its last command, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** The place of each lifetime by number, and the size of every place; those that were there come first. */
export interface Placement {
  readonly places: readonly number[];
  readonly sizes: readonly number[];
}

/** Finds a place for each lifetime, in places of the sizes `present` where they fit and in new ones otherwise. */
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

/** The most bytes that are in use at once: no placement needs less. */
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
