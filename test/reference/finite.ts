/**
 * Derivatives by central differences, with Richardson's extrapolation (Ridders, "Accurate computation of F'(x) and
 * F'(x)F''(x)", Advances in Engineering Software 4, 1982). On smooth functions of ordinary size they are right to
 * about 1e-11 relative. The widest difference spans ±`step`, so no kink may lie nearer than that.
 */
import { addScaled, dot, type Ref } from './array.ts';
import type { ReferenceOp } from './op.ts';

export const defaultStep = 2 ** -7;

/** The derivative of f at 0. */
export function derivative(f: (t: number) => number, step = defaultStep): number {
  let previous: number[] = [];
  let best = Number.NaN;
  let bestError = Number.POSITIVE_INFINITY;
  for (let level = 0; level < 8; level++) {
    const h = step / 2 ** level;
    // Row `level` of the table: the difference with step h, then each column with one more even power of h removed.
    const row = [(f(h) - f(-h)) / (2 * h)];
    for (let k = 1; k <= level; k++) {
      const better = row[k - 1]! + (row[k - 1]! - previous[k - 1]!) / (4 ** k - 1);
      row.push(better);
      const error = Math.max(Math.abs(better - row[k - 1]!), Math.abs(better - previous[k - 1]!));
      if (error < bestError) [best, bestError] = [better, error];
    }
    // Smaller steps only add rounding error once the table has settled or has begun to diverge.
    if (bestError <= 1e-11 * Math.abs(best)) break;
    if (level > 1 && Math.abs(row[level]! - previous[level - 1]!) > 10 * bestError) break;
    previous = row;
  }
  return best;
}

/** The gradient of f with respect to every element of inputs[i]. */
export function numericalGradient(
  f: (inputs: readonly Ref[]) => number,
  inputs: readonly Ref[],
  i: number,
  step = defaultStep,
): Ref {
  const x = inputs[i]!;
  const partial = (element: number) =>
    derivative((t) => {
      const data = x.data.slice();
      data[element]! += t;
      return f(inputs.with(i, { shape: x.shape, data }));
    }, step);
  return { shape: x.shape, data: x.data.map((_, element) => partial(element)) };
}

/** s(inputs, gy) = Σᵢ <backwardᵢ(inputs, gy), vᵢ>; a null vᵢ leaves its input out. */
function gradientDot<A>(
  op: ReferenceOp<A>,
  inputs: readonly Ref[],
  args: A,
  gy: Ref,
  v: readonly (Ref | null)[],
): number {
  return op.backward(inputs, args, gy).reduce((sum, gradient, i) => {
    const along = v[i] ?? null;
    if (along === null) return sum;
    if (gradient === null) throw new Error(`Input ${i} of ${op.name} has no gradient to weigh.`);
    return sum + dot(gradient, along);
  }, 0);
}

/** A direction in which inputs and gy move together; what is null or absent stays. */
export interface Direction {
  inputs?: readonly (Ref | null)[];
  gy?: Ref | null;
}

/**
 * The derivative, along `direction`, of s(inputs, gy) = Σᵢ <backwardᵢ(inputs, gy), vᵢ>: the inner product of the
 * direction with what a second backward pass through s returns.
 */
export function secondDirectional<A>(
  op: ReferenceOp<A>,
  inputs: readonly Ref[],
  args: A,
  gy: Ref,
  v: readonly (Ref | null)[],
  direction: Direction,
  step = defaultStep,
): number {
  const moved = (x: Ref, along: Ref | null | undefined, t: number) => (along ? addScaled(x, t, along) : x);
  return derivative((t) => {
    const movedInputs = inputs.map((x, i) => moved(x, direction.inputs?.[i], t));
    return gradientDot(op, movedInputs, args, moved(gy, direction.gy, t), v);
  }, step);
}

/** The whole gradient of s (see `secondDirectional`) with respect to each input and gy, one element at a time. */
export function secondGradients<A>(
  op: ReferenceOp<A>,
  inputs: readonly Ref[],
  args: A,
  gy: Ref,
  v: readonly (Ref | null)[],
  step = defaultStep,
): { inputs: Ref[]; gy: Ref } {
  const s = (all: readonly Ref[]) => gradientDot(op, all.slice(0, -1), args, all.at(-1)!, v);
  const gradients = [...inputs, gy].map((_, i) => numericalGradient(s, [...inputs, gy], i, step));
  return { inputs: gradients.slice(0, -1), gy: gradients.at(-1)! };
}
