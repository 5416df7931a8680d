/**
 * The gradient penalty of WGAN-GP, mean((‖∇ₓ D(x)‖ - 1)²) (Gulrajani et al., "Improved training of Wasserstein GANs",
 * 2017), through whole discriminators: its gradients in the weights against central differences in float64.
 */
import { gradientPenalty } from '@forger/dcgan';
import { Module } from '@forger/nn';
import { type Device, grad, Rng, readAll, type Tensor } from '@forger/tensor';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deviceOps } from './ops-table.ts';
import { map, type Ref } from './reference/array.ts';
import { normal } from './reference/draw.ts';
import { numericalGradient } from './reference/finite.ts';
import { type ReferenceOpName, referenceOp } from './reference/index.ts';
import { useDevice } from './support/device.ts';
import { relativeError } from './support/errors.ts';
import { toTensor } from './support/tensors.ts';
import { opToleranceOf, unitRoundoff } from './support/tolerances.ts';

interface Layer {
  op: ReferenceOpName;
  args: object;
  /** Shapes of the weights that follow the layer's input. */
  weights: number[][];
}

const first: Layer = { op: 'conv2d', args: { stride: 2, padding: 1 }, weights: [[4, 2, 4, 4]] };
const last: Layer = { op: 'conv2d', args: {}, weights: [[1, 4, 4, 4]] };
const batchNorm = { training: true, affine: true, runningStats: false, momentum: 0.1, eps: 1e-5 };
const negativeSlope = 0.2;

const discriminators: Record<string, Layer[]> = {
  'conv, leaky ReLU, conv': [first, { op: 'leakyRelu', args: { negativeSlope }, weights: [] }, last],
  'conv, batch norm, tanh, conv': [
    first,
    { op: 'batchNorm', args: batchNorm, weights: [[4], [4]] },
    { op: 'tanh', args: {}, weights: [] },
    last,
  ],
};

const images = 3;
const xShape = [images, 2, 8, 8];
const draw = (shape: readonly number[], seed: number, scale: number): Ref =>
  map(fc.sample(normal(shape), { seed, numRuns: 1 })[0]!, (value) => Math.fround(scale * value));

/** Each layer with the part of `weights` that is its own. */
function* withWeights<T>(layers: readonly Layer[], weights: readonly T[]): Iterable<[Layer, T[]]> {
  let at = 0;
  for (const layer of layers) {
    yield [layer, weights.slice(at, at + layer.weights.length)];
    at += layer.weights.length;
  }
}

/** The inputs of every layer, x first, and the result last. */
function activations(layers: readonly Layer[], x: Ref, weights: readonly Ref[]): Ref[] {
  const all = [x];
  for (const [{ op, args }, own] of withWeights(layers, weights))
    all.push(referenceOp(op).forward([all.at(-1)!, ...own], args));
  return all;
}

function penalty(layers: readonly Layer[], x: Ref, weights: readonly Ref[]): number {
  const inputs = activations(layers, x, weights);
  let g = map(inputs.pop()!, () => 1);
  for (const [{ op, args }, own] of [...withWeights(layers, weights)].reverse())
    g = referenceOp(op).backward([inputs.pop()!, ...own], args, g)[0]!;
  const size = g.data.length / images;
  const norms = Array.from({ length: images }, (_, n) =>
    Math.hypot(...g.data.subarray(n * size, (n + 1) * size)),
  );
  return norms.reduce((total, norm) => total + (norm - 1) ** 2, 0) / images;
}

class Discriminator extends Module {
  readonly #layers: readonly Layer[];
  readonly #weights: readonly Tensor[];

  constructor(layers: readonly Layer[], weights: readonly Tensor[]) {
    super();
    this.#layers = layers;
    this.#weights = weights;
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (const [{ op, args }, own] of withWeights(this.#layers, this.#weights))
      y = deviceOps[op]([y, ...own], args);
    return y;
  }
}

/** What training adds to the loss of wgan-gp. Between equal pictures there are only these. */
function penaltyOnDevice(layers: readonly Layer[], x: Tensor, weights: readonly Tensor[]): Tensor {
  return gradientPenalty(new Discriminator(layers, weights), x, x, new Rng(0, { device }));
}

let device: Device;
useDevice((opened) => {
  device = opened;
});

// Differences over steps this small cross no kink (the test makes sure) and are still right to about 1e-9.
const step = 2 ** -16;

// A penalty's gradient runs through some twenty float32 steps with sums of up to 128 products: twice the roundoff that
// one operation's gradient is allowed, and twice again for the sums over it. (What is allowed depends on
// FORGER_VARIANT.)
const tolerance = 4 * opToleranceOf('conv2d');

test.each(Object.entries(discriminators))('through %s', async (_, layers) => {
  const x = draw(xShape, 1, 1);
  const shapes = layers.flatMap((layer) => layer.weights);
  const weights = shapes.map((shape, i) => draw(shape, 2 + i, shape.length === 4 ? 0.2 : 1));
  for (const [i, { op }] of layers.entries()) {
    const nearest = Math.min(...activations(layers, x, weights)[i]!.data.map(Math.abs));
    // A weight's step moves a pre-activation by at most the largest |x|, below 5, times the step.
    if (op === 'leakyRelu') expect(nearest).toBeGreaterThan(5 * step);
  }

  const results = device.scope(() => {
    const leaves = weights.map((w) => toTensor(w).requiresGrad_());
    const value = penaltyOnDevice(layers, toTensor(x), leaves);
    return [value, ...grad(value, leaves)];
  });
  const [value, ...gradients] = await readAll(results);
  const expected = penalty(layers, x, weights);
  expect(Math.abs(value![0]! - expected) / expected).toBeLessThan(tolerance);
  for (const [i, gradient] of gradients.entries()) {
    const numerical = numericalGradient((moved) => penalty(layers, x, moved), weights, i, step);
    const error = relativeError(gradient, numerical.data);
    if (process.env.FORGER_SHOW_ERRORS)
      process.stdout.write(`weight ${i}: ${(error / unitRoundoff).toFixed(1)}\n`);
    expect(error, `weight ${i}`).toBeLessThan(tolerance);
  }
});
