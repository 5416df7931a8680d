// Several batches in one pass through a network, with what each would have given alone.
import { ConfigError, cat, ShapeError, showShape, slice, type Tensor } from '@forger/tensor';
import { sameShape } from '@forger/tensor/internal';
import { Dropout, GaussianNoise } from './layers/noise.ts';
import { BatchNorm1d, BatchNorm2d } from './layers/norm.ts';
import { WeightedLayer } from './layers/weighted.ts';
import type { Module } from './module.ts';

/**
 * Whether `forwardEach` can stand in for calls of `forward`: no layer draws numbers or changes its weight at each call.
 * Of layers from outside this package it is taken for granted, and that they treat samples one by one.
 */
export function canForwardEach(network: Module): boolean {
  return network
    .namedModules()
    .every(
      ([, layer]) =>
        !(layer instanceof Dropout || layer instanceof GaussianNoise) &&
        !(layer instanceof WeightedLayer && layer.hasSpectralNorm),
    );
}

/**
 * What `network.forward` of each batch gives, to rounding, but in one pass over all of them: batch norms take statistics of
 * each batch apart and move the running ones in the order of the batches.
 * @param batches one or more tensors of one shape, [N, …].
 * @throws ConfigError where `canForwardEach` says no. ShapeError on batches of different shapes.
 */
export function forwardEach(network: Module, batches: readonly Tensor[]): Tensor[] {
  if (!canForwardEach(network)) {
    throw new ConfigError(
      `forwardEach: ${network.describe()} has layers with dropout, noise or a spectral norm, which differ from call to call; call forward for each batch.`,
    );
  }
  const shape = batches[0]?.shape ?? [];
  if (shape.length === 0 || batches.some((batch) => !sameShape(batch.shape, shape))) {
    throw new ShapeError(
      `forwardEach: batches of shapes ${batches.map((batch) => showShape(batch.shape)).join(', ')} were given; expected one or more of one shape, samples first.`,
    );
  }
  const joined = cat(batches);
  const norms = network
    .namedModules()
    .flatMap(([, layer]) => (layer instanceof BatchNorm1d || layer instanceof BatchNorm2d ? [layer] : []));
  for (const norm of norms) norm.parts = batches.length;
  try {
    const y = network.forward(joined);
    const rows = y.shape[0]! / batches.length;
    return batches.map((_, i) => slice(y, 0, i * rows, (i + 1) * rows));
  } finally {
    for (const norm of norms) norm.parts = 1;
  }
}
