/** What every reference operation offers, and the two patterns that many of them share. */
import { type Ref, zeros } from './array.ts';

export interface ReferenceOp<A> {
  readonly name: string;
  /** The result of the operation. */
  forward(inputs: readonly Ref[], args: A): Ref;
  /** Gradients of sum(y·gy) with respect to each input; null where an input is not differentiable. */
  backward(inputs: readonly Ref[], args: A, gy: Ref): (Ref | null)[];
}

/** For operations that take no arguments: `{}`. */
export type NoArgs = Record<string, never>;

/** The input at position i; throws when the operation was given fewer. */
export function input(inputs: readonly Ref[], i: number): Ref {
  const found = inputs[i];
  if (found === undefined) throw new Error(`Input ${i} is missing: ${inputs.length} were given.`);
  return found;
}

/** Calls `visit` once for every product x[xi]·w[wi] that is summed into y[yi]. */
export type Taps = (visit: (xi: number, wi: number, yi: number) => void) => void;

/** y[yi] = Σ x[xi]·w[wi]: the form shared by convolutions and matrix products. */
export function bilinear(x: Ref, w: Ref, yShape: readonly number[], taps: Taps): Ref {
  const y = zeros(yShape);
  taps((xi, wi, yi) => {
    y.data[yi]! += x.data[xi]! * w.data[wi]!;
  });
  return y;
}

/** Gradients of Σ y·gy for `bilinear`: ∂/∂x[xi] = Σ gy[yi]·w[wi] and ∂/∂w[wi] = Σ gy[yi]·x[xi]. */
export function bilinearGradients(x: Ref, w: Ref, gy: Ref, taps: Taps): [gx: Ref, gw: Ref] {
  const gx = zeros(x.shape);
  const gw = zeros(w.shape);
  taps((xi, wi, yi) => {
    gx.data[xi]! += gy.data[yi]! * w.data[wi]!;
    gw.data[wi]! += gy.data[yi]! * x.data[xi]!;
  });
  return [gx, gw];
}
