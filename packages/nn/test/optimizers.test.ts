// Optimizers against float64 over 20 steps, gradients that are missing, several flat buffers, saving, and replay.
import { Adam, AdamW, type Optimizer, type ParameterList, RMSprop, readStateDict, SGD } from '@forger/nn';
import {
  backward,
  CheckpointError,
  ConfigError,
  type Device,
  mul,
  readSafetensors,
  sum,
  type Tensor,
  tensor,
  writeSafetensors,
} from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../test/support/device.ts';
import * as reference from './optimizer-reference.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

/** Sizes that end inside a vec4, fill a chunk of 1024 exactly, and span several. */
const shapes = [[3], [32, 32], [7, 5, 4, 4], [1], [2500]];
const steps = 20;

/** Numbers from a fixed sequence (Park and Miller's), so that every run tests the same ones; in [-1, 1). */
function numbers(count: number, seed: number): Float32Array {
  let state = seed * 7919 + 1;
  return Float32Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  });
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
/** Gradients of sizes from 1e-4 to 1, zeros among them, that differ in every step. */
function gradient(parameter: number, step: number): Float32Array {
  const n = size(shapes[parameter]!);
  return numbers(n, 100 * step + parameter + 1).map((x, i) => (i % 11 === 5 ? 0 : x * 10 ** -(i % 5)));
}

function makeParameters(): Tensor[] {
  return shapes.map((shape, i) =>
    tensor(numbers(size(shape), i), shape)
      .keep()
      .requiresGrad_(),
  );
}

/** Leaves `gradient` in .grad through backward(), which writes into the optimizer's slots. */
function setGradients(parameters: readonly Tensor[], step: number, skip: (i: number) => boolean): void {
  device.scope(() => {
    for (const [i, p] of parameters.entries()) {
      if (!skip(i)) backward(sum(mul(p, tensor(gradient(i, step), p.shape))));
    }
  });
}

async function train(
  make: (parameters: ParameterList) => Optimizer,
  skip: (i: number, step: number) => boolean = () => false,
): Promise<Float32Array[]> {
  const parameters = makeParameters();
  const optimizer = make(parameters);
  for (let step = 0; step < steps; step++) {
    optimizer.zeroGrad();
    setGradients(parameters, step, (i) => skip(i, step));
    optimizer.step();
  }
  const values = await Promise.all(parameters.map((p) => p.data()));
  optimizer.dispose();
  for (const p of parameters) p.dispose();
  return values;
}

function expected(
  make: (size: number) => reference.ReferenceOptimizer,
  skip: (i: number, step: number) => boolean = () => false,
): Float64Array[] {
  return shapes.map((shape, i) => {
    const p = Float64Array.from(numbers(size(shape), i));
    const optimizer = make(p.length);
    let t = 0;
    for (let step = 0; step < steps; step++) {
      if (!skip(i, step)) optimizer.step(p, Float64Array.from(gradient(i, step)), ++t);
    }
    return p;
  });
}

/** Parameters are of size 1 to 2; each of the 20 steps rounds them (6e-8) and errs by some 1e-6 of a step of 1e-2. */
const tolerance = 3e-6;

function worst(actual: readonly Float32Array[], wanted: readonly Float64Array[]): number {
  return Math.max(...actual.map((a, k) => Math.max(...a.map((x, i) => Math.abs(x - wanted[k]![i]!)))));
}

const sgdCases: reference.SgdOptions[] = [
  { lr: 0.1 },
  { lr: 0.1, weightDecay: 0.01 },
  { lr: 0.05, momentum: 0.9 },
  { lr: 0.05, momentum: 0.8, dampening: 0.3, weightDecay: 0.1 },
  { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.01 },
];
const rmspropCases: reference.RmspropOptions[] = [
  { lr: 0.01 },
  { lr: 0.01, alpha: 0.9, eps: 1e-4, weightDecay: 0.1 },
  { lr: 0.01, momentum: 0.9 },
  // Where a mean square hardly differs from the squared mean, rounding decides their difference; eps hides it.
  { lr: 0.01, alpha: 0.9, centered: true, eps: 1e-2 },
  { lr: 0.01, alpha: 0.9, centered: true, momentum: 0.5, weightDecay: 0.01, eps: 1e-2 },
];
const adamCases: reference.AdamOptions[] = [
  { lr: 0.01 },
  { lr: 2e-4, betas: [0.5, 0.999] },
  { lr: 0.01, betas: [0, 0.9], eps: 1e-3 },
  { lr: 0.01, betas: [0.5, 0.999], weightDecay: 0.1 },
  { lr: 0.01, eps: 1e-3, epsPlacement: 'chainer', weightDecay: 1e-4 },
];

describe('against float64, 20 steps', () => {
  test.each(sgdCases)('SGD %j', async (options) => {
    const actual = await train((p) => new SGD(p, options));
    expect(
      worst(
        actual,
        expected((n) => reference.sgd(n, options)),
      ),
    ).toBeLessThan(tolerance);
  });
  test.each(rmspropCases)('RMSprop %j', async (options) => {
    const actual = await train((p) => new RMSprop(p, options));
    expect(
      worst(
        actual,
        expected((n) => reference.rmsprop(n, options)),
      ),
    ).toBeLessThan(tolerance);
  });
  test.each(adamCases)('Adam %j', async (options) => {
    const actual = await train((p) => new Adam(p, options));
    expect(
      worst(
        actual,
        expected((n) => reference.adam(n, options)),
      ),
    ).toBeLessThan(tolerance);
  });
  test('AdamW', async () => {
    const options = { lr: 0.01, weightDecay: 0.1, betas: [0.5, 0.99] } as const;
    const actual = await train((p) => new AdamW(p, options));
    const wanted = expected((n) => reference.adam(n, { ...options, decoupled: true }));
    expect(worst(actual, wanted)).toBeLessThan(tolerance);
    // An option that is given as undefined is one left out: the default decay is 0.01, not Adam's 0.
    const byDefault = await train((p) => new AdamW(p, { ...options, weightDecay: undefined }));
    const withDefault = expected((n) =>
      reference.adam(n, { ...options, weightDecay: 0.01, decoupled: true }),
    );
    expect(worst(byDefault, withDefault)).toBeLessThan(tolerance);
    // And it is not the coupled one.
    expect(
      worst(
        actual,
        expected((n) => reference.adam(n, options)),
      ),
    ).toBeGreaterThan(1e-3);
  });
});

test('bias corrections are accurate at any step', async () => {
  const counts = [1, 2, 10, 100, 999, 5000, 100_000];
  const [b1, b2] = [0.9, 0.999];
  const parameters = counts.map(() => tensor([0]).keep().requiresGrad_());
  const adam = new Adam(parameters, { lr: 1, betas: [b1, b2], eps: 0 });
  adam.loadStateDict(
    new Map(
      [...adam.stateDict()].map(([name, { shape, size }]) => {
        const [i, kind] = name.split('.') as [string, string];
        const start = kind === 'step' ? counts[Number(i)]! - 1 : 0;
        return [name, { shape, data: new Float32Array(size).fill(start) }];
      }),
    ),
  );
  for (const p of parameters) p.grad = tensor([1]);
  adam.step();
  for (const [i, t] of counts.entries()) {
    const step = (1 - b1) / (1 - b1 ** t) / Math.sqrt((1 - b2) / (1 - b2 ** t));
    const [value] = await parameters[i]!.data();
    // 4e-7 from the correction (see advance.wgsl), as much from the division and root.
    expect(Math.abs(-value! / step - 1), `step ${t}`).toBeLessThan(1e-6);
  }
  adam.dispose();
});

describe('parameters without a gradient', () => {
  // Every kind of run: none of the first, every third step of the third, all of the others.
  const skip = (i: number, step: number): boolean => i === 0 || (i === 2 && step % 3 !== 1);

  test('are left as they are, and count their own steps', async () => {
    const options = { lr: 0.01, weightDecay: 0.1 };
    const actual = await train((p) => new Adam(p, options), skip);
    expect(
      worst(
        actual,
        expected((n) => reference.adam(n, options), skip),
      ),
    ).toBeLessThan(tolerance);
    expect([...actual[0]!]).toEqual([...numbers(3, 0)]);
  });

  test('also in the momentum of SGD', async () => {
    const options = { lr: 0.05, momentum: 0.9 };
    const actual = await train((p) => new SGD(p, options), skip);
    expect(
      worst(
        actual,
        expected((n) => reference.sgd(n, options), skip),
      ),
    ).toBeLessThan(tolerance);
  });
});

test('several flat buffers give the bits of one', async () => {
  const one = await train((p) => new Adam(p, { lr: 0.01 }));
  // Each chunk has 4096 bytes: groups of [3] + [32, 32], [7, 5, 4, 4] + [1], and [2500] alone.
  const many = await train((p) => new Adam(p, { lr: 0.01, maxBytes: 8192 }));
  expect(many).toEqual(one);
});

test('one step is two dispatches for a whole network', () => {
  const parameters = makeParameters();
  const adam = new Adam(parameters);
  setGradients(parameters, 0, () => false);
  const before = device.recorder.dispatches;
  adam.step();
  expect(device.recorder.dispatches - before).toBe(2);
  adam.dispose();
});

test('a gradient set by hand counts', async () => {
  const p = tensor([1, 2]).keep().requiresGrad_();
  const sgd = new SGD([p], { lr: 1 });
  p.grad = tensor([0.25, 0.5]);
  sgd.step();
  expect([...(await p.data())]).toEqual([0.75, 1.5]);
  sgd.dispose();
});

test('lr takes effect at the next step', async () => {
  const p = tensor([1]).keep().requiresGrad_();
  const sgd = new SGD([p], { lr: 1 });
  p.grad = tensor([0.25]);
  sgd.step();
  sgd.lr = 2;
  sgd.step();
  expect(sgd.lr).toBe(2);
  expect(await p.item()).toBe(0.25);
  sgd.dispose();
});

describe('state', () => {
  test('goes through safetensors and continues bit for bit', async () => {
    const straight = await train((p) => new Adam(p, { lr: 0.01, betas: [0.5, 0.999] }));
    const run = async (parameters: Tensor[], adam: Adam, from: number, to: number): Promise<void> => {
      for (let step = from; step < to; step++) {
        adam.zeroGrad();
        setGradients(parameters, step, () => false);
        adam.step();
      }
    };
    const first = makeParameters();
    const before = new Adam(first, { lr: 0.01, betas: [0.5, 0.999] });
    await run(first, before, 0, 8);
    const named = new Map(first.map((p, i) => [`p${i}`, p]));
    const weights = writeSafetensors(await readStateDict(named));
    const moments = writeSafetensors(await readStateDict(before.stateDict()));

    const second = shapes.map((shape, i) =>
      tensor(readSafetensors(weights).tensors.get(`p${i}`)!.data as Float32Array, shape)
        .keep()
        .requiresGrad_(),
    );
    const after = new Adam(second, { lr: 0.01, betas: [0.5, 0.999] });
    after.loadStateDict(readSafetensors(moments).tensors);
    await run(second, after, 8, steps);
    expect(await Promise.all(second.map((p) => p.data()))).toEqual(straight);
  });

  test('has the names of the parameters and of PyTorch', () => {
    const named = new Map([['main.0.weight', tensor([1, 2]).requiresGrad_()]]);
    const adam = new Adam(named);
    expect([...adam.stateDict().keys()]).toEqual([
      'main.0.weight.step',
      'main.0.weight.exp_avg',
      'main.0.weight.exp_avg_sq',
    ]);
    adam.dispose();
    const rmsprop = new RMSprop(named, { centered: true, momentum: 0.9 });
    expect([...rmsprop.stateDict().keys()].map((key) => key.split('.').at(-1))).toEqual([
      'step',
      'square_avg',
      'grad_avg',
      'momentum_buffer',
    ]);
    rmsprop.dispose();
  });

  test('of other parameters is refused', () => {
    const adam = new Adam([tensor([1, 2]).requiresGrad_()]);
    const other = new Adam([tensor([1, 2, 3]).requiresGrad_()]);
    expect(() => adam.loadStateDict(other.stateDict())).toThrow(CheckpointError);
    expect(() => adam.loadStateDict(other.stateDict())).toThrow(
      /0\.exp_avg: float32 \[3\] was given, float32 \[2\]/,
    );
    adam.dispose();
    other.dispose();
  });
});

test('a captured step replays to the same bits', async () => {
  const run = async (replayed: boolean): Promise<Float32Array[]> => {
    const parameters = makeParameters();
    const targets = shapes.map((shape, i) => tensor(numbers(size(shape), 50 + i), shape).keep());
    const adam = new Adam(parameters, { lr: 0.01 });
    const step = (): void => {
      adam.zeroGrad();
      for (const [i, p] of parameters.entries()) backward(sum(mul(mul(p, p), targets[i]!)));
      adam.step();
    };
    device.scope(step);
    const plan = replayed ? device.capture(step) : null;
    if (!plan) device.scope(step);
    for (let i = 0; i < 5; i++) {
      if (i === 3) adam.lr = 0.02;
      if (plan) plan.replay();
      else device.scope(step);
    }
    const values = await Promise.all(parameters.map((p) => p.data()));
    plan?.dispose();
    adam.dispose();
    return values;
  };
  expect(await run(true)).toEqual(await run(false));
});

describe('what cannot work is refused', () => {
  test.each([
    ['a negative lr', () => new SGD([tensor([1])], { lr: -1 })],
    ['a beta of 1', () => new Adam([tensor([1])], { betas: [1, 0.9] })],
    ['Nesterov without momentum', () => new SGD([tensor([1])], { nesterov: true })],
    ['no parameters', () => new SGD([])],
  ])('%s', (_, make) => {
    expect(make).toThrow(ConfigError);
  });

  test('a parameter in two lists, until the first optimizer is gone', async () => {
    const [a, b] = [tensor([1]).requiresGrad_(), tensor([2]).requiresGrad_()];
    const first = new SGD([a, b], { lr: 1 });
    expect(() => new SGD([a])).toThrow(/already belong/);
    first.dispose();
    const second = new SGD([a], { lr: 1 });
    a.grad = tensor([0.5]);
    second.step();
    expect(await a.item()).toBe(0.5);
    second.dispose();
  });
});

test('an optimizer gives back all its memory', () => {
  const parameters = makeParameters();
  const before = device.memory().liveBuffers;
  const adam = new Adam(parameters);
  setGradients(parameters, 0, () => false);
  adam.step();
  adam.dispose();
  // The parameters now share one buffer instead of having one each.
  expect(device.memory().liveBuffers).toBe(before - parameters.length + 1);
  for (const p of parameters) p.dispose();
});
