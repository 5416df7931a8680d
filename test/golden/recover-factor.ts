/**
 * Works out the second factor y of a matrix product from x, the result, gy and the gradient of x: for recover.ts.
 *
 * Two equations hold, both linear in y: x·y = result and gy·yᵀ = gradX (summed over the products that share a matrix
 * of x). Their least squares solution is found by conjugate gradients (CGLS; Björck, Numerical Methods for Least
 * Squares Problems, 1996, section 7.4), whatever the shapes and the broadcasting. Where no matrix of x is shared the
 * normal equations fall apart into A·y + y·B = C with A = Σ xᵀ·x and B = Σ gyᵀ·gy, one for each matrix of y; solving
 * these through the eigenvectors of A and B is the preconditioner, so that then the first step already arrives.
 */
import { addScaled, dot, type Ref, ref, zeros } from '../reference/array.ts';
import { referenceOps } from '../reference/index.ts';
import { matmulSizes } from '../reference/matmul.ts';
import type { Remains } from './recover.ts';

const times = (a: Ref, b: Ref) => referenceOps.matmul.forward([a, b], {});
const transposed = (a: Ref) => referenceOps.permute.forward([a], { dims: [0, 2, 1] });

export function recoverFactor({ x, result, gy, gradX, gradY }: Remains): Ref {
  const { m, k, n, batches } = matmulSizes(x.shape, gradY.shape);
  const count = gradY.data.length / (k * n);
  const matrices = ({ data }: Ref, rows: number, columns: number) =>
    ref([data.length / (rows * columns), rows, columns], data);
  const [xs, gys] = [matrices(x, m, k), matrices(gy, m, n)];
  const pick = (a: Ref, which: number[]) => referenceOps.indexSelect.forward([a], { dim: 0, index: which });
  const [ofX, ofY] = [batches.map(([bx]) => bx), batches.map(([, by]) => by)];
  /** Sums the matrices that belong to the same target. */
  const gather = (a: Ref, targets: number[], into: number) =>
    referenceOps.indexSelect.backward(
      [zeros([into, a.shape[1]!, a.shape[2]!])],
      { dim: 0, index: targets },
      a,
    )[0]!;

  type Sides = [result: Ref, gradX: Ref];
  const xOf = pick(xs, ofX);
  const apply = (y: Ref): Sides => {
    const yOf = pick(y, ofY);
    return [times(xOf, yOf), gather(times(gys, transposed(yOf)), ofX, xs.shape[0]!)];
  };
  const adjoint = ([u, h]: Sides): Ref =>
    gather(addScaled(times(transposed(xOf), u), 1, times(transposed(pick(h, ofX)), gys)), ofY, count);
  const a = eigen(gather(times(transposed(xOf), xOf), ofY, count));
  const b = eigen(gather(times(transposed(gys), gys), ofY, count));
  const precondition = (s: Ref): Ref => {
    const rotated = times(times(transposed(a.vectors), s), b.vectors);
    const data = rotated.data.map((v, i) => {
      const matrix = Math.floor(i / (k * n));
      const sum = a.values[matrix]![Math.floor(i / n) % k]! + b.values[matrix]![i % n]!;
      // What neither equation determines stays 0.
      return sum > 1e-12 * (a.values[matrix]![0]! + b.values[matrix]![0]!) ? v / sum : 0;
    });
    return times(times(a.vectors, { shape: rotated.shape, data }), transposed(b.vectors));
  };
  const norm2 = (sides: Sides) => dot(sides[0], sides[0]) + dot(sides[1], sides[1]);

  let y = zeros([count, k, n]);
  let residual: Sides = [matrices(result, m, n), matrices(gradX, m, k)];
  let gradient = adjoint(residual);
  let direction = precondition(gradient);
  let gamma = dot(gradient, direction);
  // The stored values are rounded by 2.5e-8 of their size on average: a closer fit than 4e-8 would fit the rounding.
  const enough = 4e-8 ** 2 * norm2(residual);
  // A vanishing gradient with a residual left means that no factor fits: the stored values contradict one another.
  const flat = 1e-20 * gamma;
  for (let i = 0; i < 1000 && norm2(residual) > enough && gamma > flat; i++) {
    const step = apply(direction);
    const alpha = gamma / norm2(step);
    y = addScaled(y, alpha, direction);
    residual = [addScaled(residual[0], -alpha, step[0]), addScaled(residual[1], -alpha, step[1])];
    gradient = adjoint(residual);
    const steepest = precondition(gradient);
    const nextGamma = dot(gradient, steepest);
    direction = addScaled(steepest, nextGamma / gamma, direction);
    gamma = nextGamma;
  }
  return ref(gradY.shape, y.data);
}

/** Eigenvalues, largest first, and eigenvectors, as columns, of each symmetric matrix of a stack (count,n,n). */
function eigen(stack: Ref): { values: number[][]; vectors: Ref } {
  const [count, n] = stack.shape as [number, number];
  const solved = Array.from({ length: count }, (_, c) =>
    jacobi(
      Array.from({ length: n }, (_, i) => [...stack.data.subarray((c * n + i) * n, (c * n + i + 1) * n)]),
    ),
  );
  const vectors = solved.flatMap((pairs) =>
    Array.from({ length: n }, (_, i) => pairs.map(({ vector }) => vector[i]!)).flat(),
  );
  return {
    values: solved.map((pairs) => pairs.map(({ value }) => value)),
    vectors: ref(stack.shape, vectors),
  };
}

/** Jacobi's method: rotations that zero one pair at a time (Golub & Van Loan, Matrix Computations, section 8.5). */
function jacobi(a: number[][]): { value: number; vector: number[] }[] {
  const n = a.length;
  // The rows of `v` become the eigenvectors.
  const v = a.map((row, i) => row.map((_, j) => (i === j ? 1 : 0)));
  const rotate = (p: number[], q: number[], c: number, s: number) => {
    for (let j = 0; j < n; j++) [p[j], q[j]] = [c * p[j]! - s * q[j]!, s * p[j]! + c * q[j]!];
  };
  const trace = a.reduce((sum, row, i) => sum + row[i]!, 0);
  for (let sweep = 0; sweep < 30; sweep++) {
    let largest = 0;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const apq = a[p]![q]!;
        largest = Math.max(largest, Math.abs(apq));
        if (apq === 0) continue;
        const theta = (a[q]![q]! - a[p]![p]!) / (2 * apq);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        rotate(a[p]!, a[q]!, c, t * c);
        for (const row of a)
          [row[p], row[q]] = [c * row[p]! - t * c * row[q]!, t * c * row[p]! + c * row[q]!];
        rotate(v[p]!, v[q]!, c, t * c);
      }
    if (largest < 1e-15 * trace) break;
  }
  return v.map((vector, i) => ({ value: a[i]![i]!, vector })).sort((one, two) => two.value - one.value);
}
