// Clipping of gradients by norm and by value, in flat buffers and outside them.
import { clipGradNorm, clipGradValue, SGD } from '@forger/nn';
import { type Device, type Tensor, tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const gradients = [[3, 0, -4], Array.from({ length: 1500 }, (_, i) => Math.sin(i)), [12]];
const norm = Math.hypot(...gradients.flat());

describe.each([
  ['gradients by themselves', false],
  ['gradients in a flat buffer', true],
])('%s', (_, flat) => {
  async function clipped(clip: (parameters: Tensor[]) => void): Promise<number[][]> {
    const parameters = [...gradients, [5]].map((g) => tensor(new Float32Array(g.length)).requiresGrad_());
    const optimizer = flat ? new SGD(parameters) : null;
    for (const [i, g] of gradients.entries()) {
      const p = parameters[i]!;
      p.grad = p.gradSlot ? p.gradSlot.write(g) : tensor(g);
    }
    // A stale gradient that counts no more: its parameter has none.
    parameters.at(-1)!.gradSlot?.write([100]);
    clip(parameters);
    expect(parameters.at(-1)!.grad).toBeNull();
    const result = await Promise.all(parameters.slice(0, -1).map((p) => p.grad!.data()));
    optimizer?.dispose();
    return result.map((values) => [...values]);
  }

  // Sums of 1504 squares in float32, of which 64 at most are added in a row, err by less than 1e-6.
  const near = (actual: number[][], scale: number): void => {
    for (const [i, values] of actual.entries())
      for (const [k, x] of values.entries())
        expect(Math.abs(x - gradients[i]![k]! * scale)).toBeLessThan(
          1e-6 * Math.abs(gradients[i]![k]!) + 1e-12,
        );
  };

  test('a norm above the limit is scaled down to it', async () => {
    let before: Tensor | undefined;
    near(await clipped((p) => (before = clipGradNorm(p, 2))), 2 / (norm + 1e-6));
    expect(Math.abs((await before!.item()) / norm - 1)).toBeLessThan(1e-6);
  });

  test('a norm below the limit stays', async () => {
    near(await clipped((p) => clipGradNorm(p, 1000)), 1);
  });

  test('values are limited', async () => {
    const actual = await clipped((p) => clipGradValue(p, 0.5));
    expect(actual).toEqual(gradients.map((g) => g.map((x) => Math.fround(Math.min(0.5, Math.max(-0.5, x))))));
  });

  test('a gradient that is not a number is not hidden', async () => {
    const actual = await clipped((p) => {
      p[0]!.grad!.write([Number.NaN, 1, 1]);
      clipGradNorm(p, 1);
    });
    expect(actual.flat().every(Number.isNaN)).toBe(true);
  });
});

test('a flat buffer is clipped in few dispatches', () => {
  const parameters = gradients.map((g) => tensor(new Float32Array(g.length)).requiresGrad_());
  const optimizer = new SGD(parameters);
  for (const p of parameters) p.grad = p.gradSlot;
  const before = device.recorder.dispatches;
  device.scope(() => clipGradNorm(parameters, 1));
  // Squares, their sum, the root, the scaling.
  expect(device.recorder.dispatches - before).toBe(4);
  optimizer.dispose();
});

test('no gradients have norm 0', async () => {
  expect(await clipGradNorm([tensor([1]).requiresGrad_()], 1).item()).toBe(0);
});
