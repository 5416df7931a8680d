// The losses: means over many elements and golden cases against float64, edges of their domains, third
// derivatives, errors.
import {
  add,
  backward,
  bce,
  bceWithLogits,
  ConfigError,
  crossEntropy,
  type Device,
  grad,
  type LossOptions,
  l1,
  mse,
  mul,
  noGrad,
  ShapeError,
  sigmoid,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '@forger/tensor';
import { afterAll, describe, expect, test } from 'vitest';
import { type Ref, ref } from '../../../../test/reference/array.ts';
import * as references from '../../../../test/reference/loss.ts';
import type { ReferenceOp } from '../../../../test/reference/op.ts';
import { useDevice } from '../../../../test/support/device.ts';
import { expectClose, showWorstErrors } from '../../../../test/support/expect.ts';
import { goldenFor } from '../../../../test/support/golden.ts';
import { randomRef, toTensor, untyped } from '../../../../test/support/tensors.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});
afterAll(showWorstErrors);

// A unit in the last place is 1.2e-7. WGSL grants log an absolute error of 4.8e-7 near 1, and exp a few units.
const tolerance = 3e-6;

type Loss = (x: Tensor, target: Tensor | number, options?: LossOptions) => Tensor;

/** Probabilities away from 0 and 1: finite differences may not step over the ends. */
const inside = (u: number): number => 0.1 + 0.8 * u;
/** Multiples of 1/4, moved off the targets' lattice so that |x - t| has no kink nearby. */
const lattice = (offset: number) => (u: number) => Math.round(8 * u) / 4 + offset;

const losses: {
  name: 'bce' | 'bceWithLogits' | 'mse' | 'l1';
  reference: ReferenceOp<references.LossArgs>;
  loss: Loss;
  x: (shape: number[]) => Ref;
  target: (shape: number[]) => Ref;
}[] = [
  {
    name: 'bce',
    reference: references.bce,
    loss: bce,
    x: (s) => randomRef(s, 1, inside),
    target: (s) => randomRef(s, 2, inside),
  },
  {
    name: 'bceWithLogits',
    reference: references.bceWithLogits,
    loss: bceWithLogits,
    x: (s) => randomRef(s, 1),
    target: (s) => randomRef(s, 2, inside),
  },
  {
    name: 'mse',
    reference: references.mse,
    loss: mse,
    x: (s) => randomRef(s, 1),
    target: (s) => randomRef(s, 2),
  },
  {
    name: 'l1',
    reference: references.l1,
    loss: l1,
    x: (s) => randomRef(s, 1, lattice(0)),
    target: (s) => randomRef(s, 2, lattice(0.125)),
  },
];

describe.each(losses)('$name', ({ name, reference, loss, x, target }) => {
  test('mean over many elements', async () => {
    const inputs = [x([300, 500]), target([300, 500])];
    const args = { reduction: 'mean' as const };
    const result = loss(toTensor(inputs[0]!), toTensor(inputs[1]!));
    await expectClose(`mean of many ${name}`, result, reference.forward(inputs, args), tolerance);
  });

  test('bad input', () => {
    expect(() => loss(zeros([2, 3]), zeros([3]))).toThrow(ShapeError);
    expect(() => loss(zeros([2, 3]), zeros([3]))).toThrow(/\[3\].*\[2, 3\]/);
    expect(() => loss(untyped(zeros([2], { dtype: 'int32' })), 1)).toThrow(/int32.*float32/);
    expect(() => loss(zeros([2]), Number.NaN)).toThrow(ConfigError);
    expect(() => loss(zeros([2]), 1, { reduction: 'average' as 'mean' })).toThrow(/"average"/);
  });

  test.each(goldenFor(name).map((c) => [c.id, c] as const))('golden case %i', async (_, c) => {
    const [a, t] = c.inputs.map((r) => toTensor(r));
    const result = loss(a!.requiresGrad_(), t!, c.args as LossOptions);
    await expectClose(`golden ${name} result`, result, c.y, tolerance);
    backward(result, toTensor(c.gy));
    await expectClose(`golden ${name} gradient`, a!.grad!, c.grads.x!, tolerance);
  });
});

describe.each(losses)('$name and its gradient in one pass', ({ loss, x, target }) => {
  const options = ['mean', 'sum'] as const;

  // One part, two, and more that are not of equal length.
  test.each([1, 64, 512, 513, 1700])('of %i elements: the bits of separate passes', async (n) => {
    const t = toTensor(target([n]));
    for (const reduction of options) {
      for (const goal of [t, 0.9, 0]) {
        const a = toTensor(x([n])).requiresGrad_();
        const y = loss(a, goal, { reduction });
        expect(await y.data()).toEqual(await noGrad(() => loss(a, goal, { reduction })).data());
        backward(y);
        const fused = await a.grad!.data();
        a.grad = null;
        backward(y, tensor(1)); // a gradient that nothing is known of
        expect(await a.grad!.data()).toEqual(fused);
      }
    }
  });

  test('gradients of predictions and targets, through a sum, twice', async () => {
    const [a, t] = [toTensor(x([5, 7])).requiresGrad_(), toTensor(target([5, 7])).requiresGrad_()];
    const gradients = async (y: Tensor, times: number, start?: Tensor) => {
      for (let i = 0; i < times; i++) backward(y, start);
      const found = [await a.grad!.data(), await t.grad!.data()];
      a.grad = null;
      t.grad = null;
      return found;
    };
    const y = add(loss(a, t), loss(a, t));
    const twice = await gradients(y, 2);
    expect(twice).toEqual(await gradients(y, 2, tensor(1)));
    expect(twice).toEqual(await gradients(loss(a, t), 4));
  });

  test('is one dispatch when replayed', async () => {
    const a = toTensor(x([64])).requiresGrad_();
    const plan = device.capture(() => {
      const y = loss(a, 1);
      return [y, ...grad(y, [a])];
    });
    expect(plan.dispatches).toBe(1);
    plan.dispose();
  });

  test('leaves nothing behind', () => {
    const a = toTensor(x([64])).requiresGrad_();
    const before = device.memory();
    device.scope(() => void loss(a, 1));
    device.scope(() => void grad(loss(a, 1), [a]));
    device.scope(() => void grad(mul(loss(a, 1), 0.5), [a]));
    expect(device.memory().liveBytes).toBe(before.liveBytes);
    expect(device.memory().liveBuffers).toBe(before.liveBuffers);
  });
});

describe('bce at the ends', () => {
  test('a sure mistake costs 100, with a finite gradient', async () => {
    const x = tensor([0, 1, 0, 1]).requiresGrad_();
    const t = tensor([1, 0, 0, 1]);
    const y = bce(x, t, { reduction: 'none' });
    expect(Array.from(await y.data(), Math.abs)).toEqual([100, 100, 0, 0]);
    backward(sum(y));
    // (x - t) / 1e-12, in float32.
    const large = expect.closeTo(1e12, -6);
    expect(Array.from(await x.grad!.data(), Math.abs)).toEqual([large, large, 0, 0]);
    expect(Math.sign((await x.grad!.data())[0]!)).toBe(-1);
  });

  test('small probabilities keep their digits', async () => {
    const x = tensor([1e-8, 1e-30]);
    const [certain, other] = await bce(x, 0, { reduction: 'none' }).data();
    expect(certain! / 1e-8).toBeCloseTo(1, 5);
    expect(other! / 1e-30).toBeCloseTo(1, 5);
  });

  test('a value that is no probability gives NaN', async () => {
    for (const t of [0, 1]) {
      const y = await bce(tensor([-0.5, 1.5]), t, { reduction: 'none' }).data();
      expect(Array.from(y)).toEqual([Number.NaN, Number.NaN]);
    }
  });
});

describe('bceWithLogits', () => {
  test('large logits neither overflow nor lose their loss', async () => {
    const x = tensor([1000, -1000, 50, -50]).requiresGrad_();
    const y = bceWithLogits(x, 1, { reduction: 'none' });
    const values = await y.data();
    expect(Array.from(values.slice(0, 2))).toEqual([0, 1000]);
    expect(values[2]! / Math.exp(-50)).toBeCloseTo(1, 4);
    expect(values[3]).toBeCloseTo(50, 5);
    backward(sum(y));
    const gradient = await x.grad!.data();
    expect(Array.from(gradient)).toEqual([0, -1, expect.closeTo(0, 6), expect.closeTo(-1, 6)]);
  });

  test('is bce of the sigmoid', async () => {
    const x = randomRef([50], 1);
    const t = randomRef([50], 2, inside);
    const expected = bce(sigmoid(toTensor(x)), toTensor(t));
    expect(await bceWithLogits(toTensor(x), toTensor(t)).item()).toBeCloseTo(await expected.item(), 5);
  });
});

describe.each([
  // d³/dx³ of -log x is -2/x³; of softplus σ''= σ(1 - σ)(1 - 2σ).
  { name: 'bce', loss: bce, at: 0.4, expected: -2 / 0.4 ** 3 },
  { name: 'bceWithLogits', loss: bceWithLogits, at: Math.log(3), expected: 0.75 * 0.25 * -0.5 },
  { name: 'mse', loss: mse, at: 3, expected: 0 },
])('third derivatives', ({ name, loss, at, expected }) => {
  test(`of ${name}`, async () => {
    const x = tensor([at]).requiresGrad_();
    const options = { createGraph: true };
    const [first] = grad(loss(x, 1), [x], options);
    const [second] = grad(first, [x], options);
    const [third] = grad(second, [x], options);
    expect(await third!.item()).toBeCloseTo(expected, 4);
    expect(() => grad(third, [x])).toThrow(/above the 3rd/);
  });
});

describe('crossEntropy', () => {
  const labels = [2, 0, 3];

  test('of equal logits is the logarithm of their number', async () => {
    expect(await crossEntropy(zeros([2, 10]), [3, 9]).item()).toBeCloseTo(Math.log(10), 6);
  });

  test('a label out of range in a tensor shows as NaN', async () => {
    const wrong = tensor([0, -1, 4], [3], { dtype: 'int32' });
    const values = await crossEntropy(zeros([3, 4]), wrong, { reduction: 'none' }).data();
    expect(Array.from(values)).toEqual([expect.closeTo(Math.log(4), 6), Number.NaN, Number.NaN]);
  });

  test('gradients of two losses of one tensor add up', async () => {
    const x = toTensor(randomRef([3, 4], 1)).requiresGrad_();
    backward(add(crossEntropy(x, labels), crossEntropy(x, labels)));
    const once = references.crossEntropy.backward(
      [randomRef([3, 4], 1)],
      { reduction: 'sum', labels },
      ref([], [2 / 3]),
    );
    await expectClose('crossEntropy twice', x.grad!, once[0]!, tolerance);
  });

  test.each([
    [() => crossEntropy(zeros([3]), [0]), /\(N, C\)/],
    [() => crossEntropy(zeros([2, 3]), [0]), /1 labels.*2 rows/],
    [() => crossEntropy(zeros([2, 3]), [0, 3]), /label 3.*0 to 2/],
    [() => crossEntropy(zeros([2, 3]), zeros([2])), /int32 or uint32/],
  ])('bad input %#', (call, message) => {
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(message);
  });

  test.each(goldenFor('crossEntropy').map((c) => [c.id, c] as const))('golden case %i', async (_, c) => {
    const args = c.args as { labels: number[]; reduction: 'mean' };
    const x = toTensor(c.inputs[0]!).requiresGrad_();
    const result = crossEntropy(x, args.labels, { reduction: args.reduction });
    await expectClose('golden crossEntropy result', result, c.y, tolerance);
    backward(result, toTensor(c.gy));
    await expectClose('golden crossEntropy gradient', x.grad!, c.grads.x!, tolerance);
  });
});
