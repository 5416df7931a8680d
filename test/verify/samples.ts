/** Small ordinary samples for property tests that take differences element by element. */
import fc from 'fast-check';
import type { ReferenceOpName } from '../reference/index.ts';
import { drawSample, type Sample } from './cases.ts';
import { Draw } from './draw.ts';

/** Random samples of an operation. */
export const samplesOf = (name: ReferenceOpName): fc.Arbitrary<Sample> =>
  fc.integer().map((seed) => drawSample(name, 'software', new Draw(seed, 'smooth', true), 1));
