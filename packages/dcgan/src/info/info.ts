// `describe`: what a run or a weight file holds, layer by layer.

import { type Module, summarize } from '@forger/nn';
import { createDevice, Generator, type Shape } from '@forger/tensor';
import { openSource } from '../sample/source.ts';
import type { Describe, NetworkDescription } from '../train/types.ts';

/**
 * Describes a run, a checkpoint or a generator's weights. A run needs no checkpoint to be described.
 * @throws as `openSource`; DeviceError without an adapter, since networks live on a device.
 */
export const describe: Describe = async (source) => {
  const { kind, recipe, sizes, config, step } = await openSource(source);
  const device = await createDevice();
  try {
    const { generator, discriminator } = recipe.build(sizes, new Generator(0, { device }));
    const { imageSize, channels, latentSize } = sizes;
    const networks = [describeNetwork('generator', generator, [latentSize, 1, 1])];
    if (kind !== 'generator weights')
      networks.push(describeNetwork('discriminator', discriminator, [channels, imageSize, imageSize]));
    return {
      source,
      kind,
      ...(config !== undefined && { config }),
      ...(step !== undefined && { step }),
      networks,
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
