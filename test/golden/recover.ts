/**
 * Works out the second operand of a golden case whose file has lost it.
 *
 * The format stores input `<name>` and the result `y` side by side, so in a case with an input called "y" (binary,
 * matmul, cat) the result overwrites that input. The stored result and gradients still determine an operand that
 * produced them: exactly for cat, to float32 rounding for the others. Where they leave freedom (a maximum that x won
 * everywhere, a product with more unknowns than equations) any operand that fits serves as well as the lost one.
 * A recovered operand cannot show that the result is right by itself; that all of the result and both gradients
 * agree with one operand still can, and `goldenCase` marks the case.
 */
import { broadcastSource, type Ref } from '../reference/array.ts';
import { type ReferenceOpName, referenceOps } from '../reference/index.ts';
import { recoverFactor } from './recover-factor.ts';

export interface Remains {
  x: Ref;
  result: Ref;
  gy: Ref;
  gradX: Ref;
  /** Its shape is the lost operand's shape. */
  gradY: Ref;
}

/** Throws when the operation is not one of those that can be undone. */
export function recoverOperand(op: ReferenceOpName, args: unknown, remains: Remains): Ref {
  if (op === 'matmul') return recoverFactor(remains);
  if (op === 'cat') return recoverTail(remains, (args as { dim: number }).dim);
  const undo = elementwise[op];
  if (undo === undefined) throw new Error(`The file does not hold the second operand of this ${op}.`);
  return recoverElements(remains, undo);
}

/** The part of a concatenation that follows x. */
function recoverTail({ x, result }: Remains, dim: number): Ref {
  return referenceOps.slice.forward([result], { dim, start: x.shape.at(dim)! });
}

/** Pairs (xs[k], rs[k]) that met one element of y, and what that element must have been: one or more candidates. */
type Undo = (xs: number[], rs: number[]) => number[];

const sumOf = (xs: number[], f: (k: number) => number) => xs.reduce((sum, _, k) => sum + f(k), 0);

const elementwise: Partial<Record<ReferenceOpName, Undo>> = {
  add: (xs, rs) => [sumOf(xs, (k) => rs[k]! - xs[k]!) / xs.length],
  sub: (xs, rs) => [sumOf(xs, (k) => xs[k]! - rs[k]!) / xs.length],
  // Least squares, so that no division is by a small number alone: x·y = r, and y·r = x.
  mul: (xs, rs) => [sumOf(xs, (k) => xs[k]! * rs[k]!) / sumOf(xs, (k) => xs[k]! ** 2)],
  div: (xs, rs) => [sumOf(xs, (k) => xs[k]! * rs[k]!) / sumOf(xs, (k) => rs[k]! ** 2)],
  maximum: (xs, rs) => [rs.find((r, k) => r !== xs[k]) ?? Math.min(...xs) - 1],
  minimum: (xs, rs) => [rs.find((r, k) => r !== xs[k]) ?? Math.max(...xs) + 1],
  // The root of the largest difference, of either sign.
  squaredDifference: (xs, rs) => {
    const k = rs.indexOf(Math.max(...rs));
    return [xs[k]! - Math.sqrt(rs[k]!), xs[k]! + Math.sqrt(rs[k]!)];
  },
};

function recoverElements({ x, result, gy, gradY }: Remains, undo: Undo): Ref {
  const members = Array.from(gradY.data, (): number[] => []);
  for (let i = 0; i < result.data.length; i++)
    members[broadcastSource(i, result.shape, gradY.shape)]!.push(i);
  const data = members.map((group, element) => {
    const xs = group.map((i) => x.data[broadcastSource(i, result.shape, x.shape)]!);
    const rs = group.map((i) => result.data[i]!);
    const candidates = undo(xs, rs);
    if (candidates.length === 1) return candidates[0]!;
    // Only (x − y)² has two candidates: take the one that explains the results and y's gradient better.
    const misfit = (y: number) => {
      const gradient = sumOf(group, (k) => -2 * (xs[k]! - y) * gy.data[group[k]!]!);
      return sumOf(group, (k) => ((xs[k]! - y) ** 2 - rs[k]!) ** 2) + (gradient - gradY.data[element]!) ** 2;
    };
    return candidates.reduce((best, y) => (misfit(y) < misfit(best) ? y : best));
  });
  return { shape: gradY.shape, data: Float64Array.from(data) };
}
