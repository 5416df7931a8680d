// Second derivatives of an operation against finite differences.
import { grad, mul, readAll, type Shape, sizeOf, sum, type Tensor, tensor } from '@forger/tensor';
import { expect } from 'vitest';
import { relativeError } from '../../../../test/support/errors.ts';
import { scrambled } from '../../../../test/support/tensors.ts';

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((total, v, i) => total + v * b[i]!, 0);

/**
 * Compares both derivatives of L(x) = Σ c·op(x)² with central differences: its gradient g, and the gradient of Σ v·g
 * found by differentiating the backward pass. For an op that is linear near x these differences are exact but for
 * rounding: float32 results of size 1 differ by 1e-7, over a step of 1/16 and sums of tens of terms, hence 1e-4.
 * `x` must keep its kinks further away than the step.
 */
export async function expectSecondDerivatives(
  op: (x: Tensor) => Tensor,
  shape: Shape,
  values: readonly number[],
  step = 1 / 16,
): Promise<void> {
  const size = sizeOf(shape);
  const outSize = op(tensor(Float32Array.from(values), shape)).size;
  const c = scrambled(outSize, 2).map((n) => n + 0.1);
  const v = scrambled(size, 3);
  const loss = (x: Tensor): Tensor => {
    const y = op(x);
    return sum(mul(mul(y, y), tensor(Float32Array.from(c), y.shape)));
  };
  const at = (moved: readonly number[]): Tensor => tensor(Float32Array.from(moved), shape).requiresGrad_();

  const x = at(values);
  const [g] = grad(loss(x), [x], { createGraph: true });
  const [h] = grad(sum(mul(g, tensor(Float32Array.from(v), shape))), [x]);
  const [gradient, second] = await readAll([g, h]);

  const [firstByDifference, secondByDifference]: [number[], number[]] = [[], []];
  for (let i = 0; i < size; i++) {
    const [plus, minus] = [1, -1].map((sign) => {
      const moved = at(values.with(i, values[i]! + sign * step));
      const y = op(moved);
      return [y, grad(loss(moved), [moved])[0]] as const;
    });
    const [yPlus, gPlus, yMinus, gMinus] = await readAll([...plus!, ...minus!]);
    const lossOf = (y: ArrayLike<number>): number =>
      dot(
        c,
        Array.from(y, (n) => n * n),
      );
    firstByDifference.push((lossOf(yPlus!) - lossOf(yMinus!)) / (2 * step));
    secondByDifference.push((dot(v, gPlus!) - dot(v, gMinus!)) / (2 * step));
  }
  expect(relativeError(gradient, firstByDifference)).toBeLessThan(1e-4);
  expect(Math.max(...second.map(Math.abs))).toBeGreaterThan(0.01);
  expect(relativeError(second, secondByDifference)).toBeLessThan(1e-4);
}
