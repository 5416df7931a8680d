// `describe`: what a run or a weight file holds, layer by layer.

import { type Module, summarize } from '@forger/nn';
import { createDevice, Rng, type Shape } from '@forger/tensor';
import { findEither, openSource } from '../sample/source.ts';
import type { Describe, NetworkDescription } from '../train/types.ts';

/**
 * Describes a run, a checkpoint or a generator's weights. A run needs no checkpoint to be described.
 * @throws as `openSource`; DeviceError without an adapter, since networks live on a device.
 */
export const describe: Describe = async (source, { key } = {}) => {
  const opened = await openSource(source, key);
  const device = await createDevice();
  try {
    const { network, recipe, sizes, build, notes } = findEither(opened, device);
    const { imageSize, channels, latentSize } = sizes;
    const networks: NetworkDescription[] = [];
    // Nothing is computed: in a dry run networks take no memory, whatever sizes the source claims.
    device.dryRun(() => {
      const { generator, discriminator } = build(new Rng(0, { device }));
      networks.push(
        describeNetwork('generator', generator, [latentSize, 1, 1]),
        describeNetwork('discriminator', discriminator, [channels, imageSize, imageSize]),
      );
    });
    const { kind, config, step } = opened;
    return {
      source,
      kind: kind === 'weights' ? `${network} weights` : kind,
      recipe: recipe.name,
      ...(config !== undefined && { config }),
      ...(step !== undefined && { step }),
      networks: kind === 'weights' ? networks.filter(({ name }) => name === network) : networks,
      notes,
    };
  } finally {
    device.destroy();
  }
};

/** One network, layer by layer, for inputs of one sample's shape. */
export function describeNetwork(
  name: NetworkDescription['name'],
  network: Module,
  inputShape: Shape,
): NetworkDescription {
  const layers = summarize(network, inputShape).map((row) => ({
    name: row.name,
    layer: row.op,
    output: row.outputShape,
    parameters: row.parameters,
    macs: row.macs,
  }));
  const total = (of: 'parameters' | 'macs') => layers.reduce((sum, layer) => sum + layer[of], 0);
  return { name, layers, parameters: total('parameters'), macs: total('macs') };
}
