// The best of a row of evaluations, and how many have passed without a better one: what `--keep-best` and
// `--stop-after` go by. Plain values, so that a checkpoint can hold them.

/** An evaluation's value, and what would be better. */
export interface Ranked {
  readonly value: number;
  /** Default 'smaller'. */
  readonly better?: 'smaller' | 'larger' | undefined;
  /** Where neither the least nor the greatest value is best: the nearer to this, the better. */
  readonly ideal?: number | undefined;
}

/** The best value so far, and the step it is of. */
export interface Best {
  readonly step: number;
  readonly value: number;
}

/** What a checkpoint holds of a tracker. */
export interface BestState {
  readonly best: Best | null;
  /** Evaluations since the best one. */
  readonly since: number;
}

/** How far a value is from the best possible one: smaller is better, and NaN is worse than any number. */
export function rank({ value, better = 'smaller', ideal }: Ranked): number {
  if (!Number.isFinite(value)) return Number.POSITIVE_INFINITY;
  if (ideal !== undefined) return Math.abs(value - ideal);
  return better === 'smaller' ? value : -value;
}

/** Remembers the best of the values that it is given. */
export class BestTracker {
  #best: Best | null = null;
  #since = 0;

  get best(): Best | null {
    return this.#best;
  }

  /** Evaluations in a row that brought no better value. */
  get since(): number {
    return this.#since;
  }

  /** Takes the value of a step. @returns whether it is the best so far; of equal ones the first is. */
  add(step: number, ranked: Ranked): boolean {
    const best = this.#best;
    const isBetter =
      best === null ? Number.isFinite(ranked.value) : rank(ranked) < rank({ ...ranked, ...best });
    if (isBetter) this.#best = { step, value: ranked.value };
    this.#since = isBetter ? 0 : this.#since + 1;
    return isBetter;
  }

  state(): BestState {
    return { best: this.#best, since: this.#since };
  }

  /** Goes on from a state; without one it begins anew. */
  restore({ best, since }: BestState = { best: null, since: 0 }): void {
    this.#best = best;
    this.#since = since;
  }
}
