/** What every reference operation offers, and the two patterns that many of them share. */
import { type Ref, zeros } from './array.ts';

export interface ReferenceOp<A> {
  readonly name: string;
  /** The result of the operation. */
  forward(inputs: readonly Ref[], args: A): Ref;
  /** Gradients of sum(y·gy) with respect to each input; null where an input is not differentiable. */
  backward(inputs: readonly Ref[], args: A, gy: Ref): (Ref | null)[];
  /** Which inputs have gradients, where not all do: those that `backward` gives null for have none. */
  differentiable?(inputs: readonly Ref[], args: A): boolean[];
  /**
   * The gradients of s = Σᵢ <backward(inputs, args, gy)ᵢ, vᵢ> with respect to each input and, last, to gy.
   */
  second(inputs: readonly Ref[], args: A, gy: Ref, v: Directions): Ref[];
}

/** A direction for each input; null for one that has no part in s. */
export type Directions = readonly (Ref | null)[];

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

/**
 * `second` of y(x, w, b) = B(x, w) + b with a bilinear B: s = <gy, B(vx, w) + B(x, vw) + vb>, whose gradients are B and
 * its gradients again.
 */
export function bilinearSecond<A>(
  op: Pick<ReferenceOp<A>, 'forward' | 'backward'>,
  inputs: readonly Ref[],
  args: A,
  gy: Ref,
  v: Directions,
): Ref[] {
  const [x, w] = [input(inputs, 0), input(inputs, 1)];
  const vx = v[0] ?? zeros(x.shape);
  const vw = v[1] ?? zeros(w.shape);
  const bias = inputs[2];
  const first = op.forward([vx, w, ...(bias ? [v[2] ?? zeros(bias.shape)] : [])], args);
  const other = op.forward([x, vw], args);
  return [
    op.backward([x, vw], args, gy)[0]!,
    op.backward([vx, w], args, gy)[1]!,
    ...(bias ? [zeros(bias.shape)] : []),
    { shape: first.shape, data: first.data.map((value, i) => value + other.data[i]!) },
  ];
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
