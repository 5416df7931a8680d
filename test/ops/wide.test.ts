// Elementwise kernels take four floats at a time where sizes allow it: every function and derivative gives there what
// it gives one by one.
import {
  abs,
  clamp,
  createDevice,
  type Device,
  elu,
  exp,
  gelu,
  grad,
  leakyRelu,
  log,
  neg,
  pow,
  readAll,
  relu,
  sigmoid,
  silu,
  softplus,
  sqrt,
  square,
  type Tensor,
  tanh,
  tensor,
} from '@forger/tensor';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addInPlace, fill } from '../../packages/tensor/src/kernels/fill.ts';

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});
afterAll(() => device.destroy());

const size = 8192;
const numbers = (n: number, phase: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => 3 * Math.sin(phase + i * 0.37));

// One float more is no multiple of 4, and goes one by one.
const [four, one] = [size, size + 1];

/** Two compilations of one formula may differ in the last places: 4 units of float32 beside the largest value. */
function expectSame(wide: ArrayLike<number>, narrow: ArrayLike<number>): void {
  const largest = Array.from(narrow).reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  let worst = 0;
  for (let i = 0; i < size; i++) worst = Math.max(worst, Math.abs(wide[i]! - narrow[i]!));
  expect(wide.length).toBe(size);
  expect(worst).toBeLessThanOrEqual(4 * 2 ** -24 * largest);
}

const functions: Record<string, (x: Tensor) => Tensor> = {
  neg,
  relu,
  leakyRelu: (x) => leakyRelu(x, 0.2),
  tanh,
  sigmoid,
  softplus,
  exp,
  log: (x) => log(abs(x).add(0.5)),
  sqrt: (x) => sqrt(abs(x).add(0.5)),
  abs,
  square,
  pow: (x) => pow(x, 3),
  clamp: (x) => clamp(x, -1, 1),
  elu,
  gelu,
  silu,
};

test.each(Object.entries(functions))('%s', async (_, f) => {
  const run = (n: number): Tensor[] =>
    device.scope(() => {
      const x = tensor(numbers(n, 0)).requireGrad();
      const gy = tensor(numbers(n, 1));
      const y = f(x);
      return [y, ...(grad(y, [x], { gradOutputs: [gy] }) as Tensor[])];
    });
  const [y, gx, yNarrow, gxNarrow] = await readAll([...run(four), ...run(one)]);
  expectSame(y!, yNarrow!);
  expectSame(gx!, gxNarrow!);
});

test('adding in place, and filling', async () => {
  const run = (n: number): Tensor => addInPlace(fill(tensor(numbers(n, 0)), 0.5), tensor(numbers(n, 1)));
  const [wide, narrow] = await readAll([run(four), run(one)]);
  expect(narrow![7]).toBe(Math.fround(0.5 + numbers(8, 1)[7]!));
  expectSame(wide!, narrow!);
});
