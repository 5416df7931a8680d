/** An operand that a golden file has lost must be found again: one that explains the stored result and gradients. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { map, type Ref, zeros } from '../reference/array.ts';
import { normal } from '../reference/draw.ts';
import { type ReferenceOpName, referenceOp } from '../reference/index.ts';
import { samplesOf } from '../verify/samples.ts';
import { recoverOperand } from './recover.ts';

const stored = (exact: Ref) => map(exact, Math.fround);

function expectRecovered(op: ReferenceOpName, inputs: readonly Ref[], args: unknown, gy: Ref): void {
  const [x] = inputs as [Ref];
  const result = referenceOp(op).forward(inputs, args);
  const [gradX, gradY] = referenceOp(op).backward(inputs, args, gy) as [Ref, Ref];
  const remains = { x, result: stored(result), gy, gradX: stored(gradX), gradY: stored(gradY) };
  const y = recoverOperand(op, args, remains);
  const again = [
    referenceOp(op).forward([x, y], args),
    ...referenceOp(op).backward([x, y], args, gy),
  ] as Ref[];
  [result, gradX, gradY].forEach((expected, i) => {
    const scale = Math.max(1, ...expected.data.map(Math.abs));
    expect(again[i]!.shape).toEqual(expected.shape);
    // A few float32 roundings of the stored values, 6e-8 each.
    expected.data.forEach((v, k) => {
      expect(Math.abs(again[i]!.data[k]! - v) / scale).toBeLessThan(5e-7);
    });
  });
}

const binary = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'squaredDifference'] as const;

test.each([...binary, 'cat', 'matmul'] as const)('%s of any shapes', (op) => {
  const samples = samplesOf(op).filter(({ inputs }) => inputs.length === 2);
  fc.assert(
    fc.property(samples, ({ inputs, args, gy }) => expectRecovered(op, inputs, args, gy)),
    { numRuns: 60, seed: 1 },
  );
});

describe('matmul', () => {
  test.each([
    ['as many equations as unknowns', [2, 16, 16], [2, 16, 16]],
    ['fewer', [1, 3, 20], [20, 25]],
    ['many more', [2, 3, 30, 4], [3, 4, 7]],
    ['a shared matrix of x', [8, 12], [3, 12, 9]],
  ])('%s', (_title, x, y) => {
    const gy = referenceOp('matmul').forward([zeros(x), zeros(y)], {}).shape;
    const [inputs] = fc.sample(fc.tuple(normal(x), normal(y), normal(gy)), { numRuns: 1, seed: 1 });
    expectRecovered('matmul', inputs!.slice(0, 2), {}, inputs![2]);
  });
});

test('a wrong result is not explained away where the equations determine the operand', () => {
  const sizes = fc.tuple(normal([9, 6]), normal([6, 8]), normal([9, 8]));
  const [x, y, gy] = fc.sample(sizes, { numRuns: 1, seed: 1 })[0]!;
  const matmul = referenceOp('matmul');
  const [gradX, gradY] = matmul.backward([x, y], {}, gy) as [Ref, Ref];
  const wrong = map(matmul.forward([x, y], {}), (v, i) => (i === 20 ? v + 0.1 : v));
  const found = recoverOperand('matmul', {}, { x, result: wrong, gy, gradX, gradY });
  const again = matmul.forward([x, found], {});
  expect(Math.max(...again.data.map((v, i) => Math.abs(v - wrong.data[i]!)))).toBeGreaterThan(0.01);
});

test('an operation that cannot be undone is refused', () => {
  const x = zeros([2]);
  const remains = { x, result: x, gy: x, gradX: x, gradY: x };
  expect(() => recoverOperand('bce', {}, remains)).toThrow(/second operand of this bce/);
});
