// Sorting floats by their bits gives what the engine's sort gives.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sortFloats } from '../../src/evaluate/sort.ts';

test('any finite numbers, infinities and zeros of both signs, in any part of a buffer', () => {
  fc.assert(
    fc.property(fc.float32Array({ noNaN: true, maxLength: 200 }), fc.nat(8), (values, from) => {
      const part = values.slice().subarray(Math.min(from, values.length));
      const wanted = Float32Array.from(part).sort();
      expect([...sortFloats(part)]).toEqual([...wanted]);
    }),
  );
});
