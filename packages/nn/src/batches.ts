// Several batches in one forward pass, each with its own batch norm statistics (ghost batch normalisation).
import { ConfigError, cat, ShapeError, showShape, slice, type Tensor } from '@forger/tensor';
import { sameShape } from '@forger/tensor/internal';
import { Dropout, GaussianNoise } from './layers/noise.ts';
import { BatchNorm1d, BatchNorm2d } from './layers/norm.ts';
import { WeightedLayer } from './layers/weighted.ts';
import type { Module } from './module.ts';

/**
 * Whether `forwardBatches` gives what calls of `forward` would: true unless a layer draws random numbers or
 * changes its weight at each call (dropout, noise, spectral norm). Layers of other packages are taken to
 * treat samples one by one.
 */
export function canForwardBatches(network: Module): boolean {
  return network
    .namedModules()
    .every(
      ([, layer]) =>
        !(layer instanceof Dropout || layer instanceof GaussianNoise) &&
        !(layer instanceof WeightedLayer && layer.hasSpectralNorm),
    );
}

/**
 * `network.forward` of each batch, computed in one pass over all of them and equal to rounding. Batch norms
 * compute the statistics of each batch by itself and update the running statistics in the order of the
 * batches.
 * @param batches one or more tensors of one shape, [N, …].
 * @throws ConfigError where `canForwardBatches` is false. ShapeError on batches of different shapes.
 */
export function forwardBatches(network: Module, batches: readonly Tensor[]): Tensor[] {
  if (!canForwardBatches(network)) {
    throw new ConfigError(
      `forwardBatches: ${network.describe()} has layers with dropout, noise or a spectral norm, which differ from call to call; call forward for each batch.`,
    );
  }
  const shape = batches[0]?.shape ?? [];
  if (shape.length === 0 || batches.some((batch) => !sameShape(batch.shape, shape))) {
    throw new ShapeError(
      `forwardBatches: batches of shapes ${batches.map((batch) => showShape(batch.shape)).join(', ')} were given; expected one or more of one shape, samples first.`,
    );
  }
  const joined = cat(batches);
  const norms = network
    .namedModules()
    .flatMap(([, layer]) => (layer instanceof BatchNorm1d || layer instanceof BatchNorm2d ? [layer] : []));
  for (const norm of norms) norm.ghostBatches = batches.length;
  try {
    const y = network.forward(joined);
    const rows = y.shape[0]! / batches.length;
    return batches.map((_, i) => slice(y, 0, i * rows, (i + 1) * rows));
  } finally {
    for (const norm of norms) norm.ghostBatches = 1;
  }
}
