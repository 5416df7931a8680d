// softmax and log softmax: long lines and golden cases against float64, large values, errors.
import { backward, logSoftmax, ShapeError, softmax, tensor, zeros } from '@forger/tensor';
import { afterAll, describe, expect, test } from 'vitest';
import { map } from '../../../../test/reference/array.ts';
import {
  logSoftmax as referenceLogSoftmax,
  softmax as referenceSoftmax,
} from '../../../../test/reference/softmax.ts';
import { useDevice } from '../../../../test/support/device.ts';
import { expectClose, showWorstErrors } from '../../../../test/support/expect.ts';
import { goldenFor } from '../../../../test/support/golden.ts';
import { randomRef, toTensor, untyped } from '../../../../test/support/tensors.ts';

useDevice();
afterAll(showWorstErrors);

const pairs = [
  { name: 'softmax', call: softmax, reference: referenceSoftmax },
  { name: 'logSoftmax', call: logSoftmax, reference: referenceLogSoftmax },
] as const;

test('equal values share 1 equally', async () => {
  expect(Array.from(await softmax(tensor([[3, 3, 3, 3]]), 1).data())).toEqual([0.25, 0.25, 0.25, 0.25]);
  const half = Array.from(await logSoftmax(tensor([5, 5]), 0).data());
  expect(half).toEqual([expect.closeTo(-Math.LN2, 6), expect.closeTo(-Math.LN2, 6)]);
});

test('large values neither overflow nor vanish', async () => {
  const x = tensor([[-10_000, 10_000, 9_999]]);
  const p = 1 / (1 + Math.exp(-1));
  expect(Array.from(await softmax(x, 1).data())).toEqual([0, expect.closeTo(p, 6), expect.closeTo(1 - p, 6)]);
  const logs = Array.from(await logSoftmax(x, 1).data());
  expect(logs[0]).toBeCloseTo(-20_000 + Math.log(p), 2);
  expect(logs[1]).toBeCloseTo(Math.log(p), 6);
});

describe.each(pairs)('$name', ({ call, reference }) => {
  // WGSL's exp is good to about (3 + 2|x|) units in the last place, 1.2e-7 each, at the sizes |x| < 8 met here.
  const tolerance = 5e-6;

  // One lane a line and many; lines of neighbours and strided ones; more lines than the grid has workgroups.
  test.each([
    [[3, 20_000], 1],
    [[20_000, 3], 0],
    [[5, 300, 7], 1],
    [[70_000, 70], 1],
    [[2, 17, 33], 2],
  ])('of %j along %i', async (shape, dim) => {
    const x = map(randomRef(shape, 1), (v) => 3 * v);
    const y = call(toTensor({ ...x, data: x.data.map(Math.fround) }), dim);
    const expected = reference.forward([{ ...x, data: x.data.map(Math.fround) }], { dim });
    await expectClose(`long ${reference.name}: [${shape}]`, y, expected, tolerance);
    y.dispose();
  });

  test('of bad input', () => {
    expect(() => call(zeros([2, 3]), 2)).toThrow(ShapeError);
    expect(() => call(zeros([2, 3]), 2)).toThrow(/dimension 2/);
    expect(() => call(untyped(zeros([2, 3], { dtype: 'int32' })), 1)).toThrow(/float32/);
  });

  test.each(goldenFor(reference.name as 'softmax').map((c) => [`${c.family} ${c.id}`, c] as const))(
    'golden case %s',
    async (_, { inputs, args, y, gy, grads }) => {
      const { dim } = args as { dim: number };
      const x = toTensor(inputs[0]!).requiresGrad_();
      const result = call(x, dim);
      await expectClose(`golden ${reference.name} result`, result, y, tolerance);
      backward(result, toTensor(gy));
      await expectClose(`golden ${reference.name} gradient`, x.grad!, grads.x!, tolerance);
    },
  );
});
