// Filling and adding in place, which take four floats at a time where sizes allow it: the same numbers as one by one.
import { readAll, type Tensor, tensor } from '@forger/tensor';
import { expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { addInPlace, fill } from '../../src/kernels/fill.ts';

useDevice();

// One float more than a multiple of 4 goes one by one.
test.each([8192, 8193])('of %i floats', async (size) => {
  const added = Float32Array.from({ length: size }, (_, i) => 3 * Math.sin(1 + i * 0.37));
  const run = (): Tensor[] => {
    const filled = fill(tensor(new Float32Array(size)), 0.5);
    return [addInPlace(tensor(added), filled)];
  };
  const [sums] = await readAll(run());
  expect(sums).toEqual(added.map((value) => value + 0.5));
});
