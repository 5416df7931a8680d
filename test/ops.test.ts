/**
 * Chosen calls of operations against the float64 reference, result and all gradients: what random ones
 * (test/verify) seldom or never reach, points on kinks, and very large and small numbers one by one.
 *
 * With FORGER_SHOW_ERRORS the worst error of each operation is printed, in units of float32's roundoff.
 */
import { type Device, grad } from '@forger/tensor';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { checkOp } from './check-op.ts';
import { corners, kinks, magnitudes } from './op-corners.ts';
import { deviceOps } from './ops-table.ts';
import { addScaled } from './reference/array.ts';
import * as draw from './reference/draw.ts';
import type { ReferenceOpName } from './reference/index.ts';
import { referenceOp } from './reference/index.ts';
import { useDevice } from './support/device.ts';
import { type Deviation, deviations } from './support/errors.ts';
import { toTensor } from './support/tensors.ts';
import { opToleranceOf, unitRoundoff } from './support/tolerances.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const worst = new Map<string, number>();
afterAll(() => {
  if (!process.env.FORGER_SHOW_ERRORS) return;
  for (const [name, error] of worst) process.stdout.write(`${name} ${(error / unitRoundoff).toFixed(1)}\n`);
});

function expectClose(found: readonly Deviation[]): void {
  for (const { name, error } of found) {
    const op = name.split(':')[0]!;
    worst.set(op, Math.max(worst.get(op) ?? 0, error));
    expect(error, name).toBeLessThan(opToleranceOf(op as ReferenceOpName));
  }
}

describe('corners', () => {
  test.each(corners)('$op: $what', async ({ op, sample }) => {
    expectClose(await checkOp(device, op, sample));
  });
});

describe('kinks and ties', () => {
  test.each(kinks)('$op: $what', async ({ op, sample }) => {
    expectClose(await checkOp(device, op, sample, { smooth: false }));
  });
});

describe('one tensor as both inputs: its gradients are added', () => {
  const x = fc.sample(draw.normal([3, 3]), { seed: 7, numRuns: 1 })[0]!;
  test.each(['add', 'sub', 'mul', 'div', 'maximum', 'matmul', 'mse'] as const)('%s', async (name) => {
    const args = { reduction: 'none' };
    const [first, second] = referenceOp(name).backward([x, x], args, x);
    const result = device.scope(() => {
      const leaf = toTensor(x, device).requiresGrad_();
      const y = deviceOps[name]([leaf, leaf], args);
      return grad(y, [leaf], { gradOutputs: [toTensor(x, device)] })[0];
    });
    // Where both cancel (sub, div, mse), the error is relative to each.
    const cancelled = Math.max(...first!.data.map(Math.abs));
    const expected = addScaled(first!, 1, second!);
    expectClose(await deviations([{ name: `${name}: gradient`, actual: result, expected, cancelled }]));
  });
});

describe('large and small numbers', () => {
  const names = [...new Set(magnitudes.map(({ op }) => op))];
  test.each(names)('%s', async (name) => {
    for (const { op, what, sample } of magnitudes) {
      if (op !== name) continue;
      const found = await checkOp(device, op, sample);
      expectClose(found.map((one) => ({ ...one, name: `${one.name} at ${what}` })));
    }
  });
});
