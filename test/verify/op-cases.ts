/** What a draw of an operation is, and how its results are compared. */
import type { Ref } from '../reference/array.ts';
import type { Draw } from './draw.ts';
import type { Variant } from './variants.ts';

/** One application of an operation. */
export interface Call {
  readonly inputs: Ref[];
  readonly args: unknown;
}

export interface OpCases {
  /** A random call; `seed` is the run's, for what a run draws few of (sizes that are compiled in). */
  draw(d: Draw, variant: Variant, seed: number): Call;
  /**
   * Whether an element's error is held against its own size, as where each result comes from one element of each input;
   * otherwise against the largest of the tensor.
   */
  elements(call: Call): boolean;
  /**
   * Sizes of what cancels in results and in first and second gradients, where the result does not show it and
   * its conditioning does not either, as both terms come from one input.
   */
  cancels?(sample: Call & { readonly gy: Ref; readonly v: readonly (Ref | null)[] }): {
    result: number;
    first: number;
    second: number;
  };
  /** Terms of the longest sum that its results and gradients are. */
  terms(call: Call): number;
}

/** A draw of calls whose results come from single elements. */
export const ofElements = (draw: OpCases['draw']): OpCases => ({
  draw,
  elements: () => true,
  terms: () => 1,
});
