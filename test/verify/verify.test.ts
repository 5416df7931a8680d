/**
 * The short version of `pnpm verify`: some random calls of every operation in every variant. The long one is
 * `pnpm verify --cases 1000`; a failure prints the command that repeats its case.
 */

import type { Device } from '@forger/tensor';
import * as forger from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import * as operations from '../../packages/tensor/src/ops/index.ts';
import { useDevice } from '../support/device.ts';
import { opNames } from './cases.ts';
import { rowLines } from './report.ts';
import { verify } from './run.ts';
import { algorithmOf, supportsVariant, type Variant, variantsOf } from './variants.ts';

let device: Device;
useDevice(
  (opened) => {
    device = opened;
  },
  { halfMatrices: true },
);

// The seed stays the same from run to run, so that drivers find their compiled kernels again.
const seed = 1;
// A convolution by these is a kernel of its own for each shape, which takes a processor seconds to compile.
const casesOf = (op: string, variant: Variant): number =>
  op.startsWith('conv') && algorithmOf(variant)?.compilesSlowly ? 2 : 5;

describe.each(opNames)('%s', (op) => {
  test.each(variantsOf(op))('%s', async (variant) => {
    if (!supportsVariant(device, variant)) return;
    const row = await verify(device, op, variant, { seed, first: 0, count: casesOf(op, variant) });
    expect(row.wrong.length, rowLines(row, false).join('\n')).toBe(0);
    expect(row.onVariant).toBeGreaterThan(0);
  });
});

/** Public operations that the table has under another name, or that have no gradient to prove. */
const elsewhere: Record<string, string> = {
  variance: 'the table has it as var',
  padConstant: 'the table has it as pad',
  padReflect: 'the table has it as reflectionPad2d',
  full: 'makes known values: packages/tensor/test/ops/creation.test.ts',
  ones: 'makes known values',
  zerosLike: 'makes known values',
  onesLike: 'makes known values',
  arange: 'makes known values',
  uniform: 'makes random values, which depend on no tensor: packages/tensor/test/ops/random.test.ts',
  normal: 'makes random values',
  fillUniform: 'overwrites with random values',
  fillNormal: 'overwrites with random values',
};

test('every public operation is in the table, or says why not', () => {
  const known = new Set<string>([...opNames, ...Object.keys(elsewhere)]);
  expect(Object.keys(operations).filter((name) => !known.has(name))).toEqual([]);
  expect(Object.keys(elsewhere).filter((name) => !(name in forger))).toEqual([]);
});
