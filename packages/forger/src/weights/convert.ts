// `convert`: the weights of one network from any format that is read to one that is written.

import { checkFinite, exportOnnx, findEither, type GanTask, loadWeights } from '@forger/dcgan';
import type { Module } from '@forger/nn';
import { readStateDict } from '@forger/nn';
import { ConfigError, createDevice, Rng, writeSafetensors } from '@forger/tensor';
import { writeAtomic } from '../atomic-file.ts';
import { untrained } from '../sample/sample.ts';
import { openSource, type SourceOptions } from '../sample/source.ts';

export const OUTPUTS = ['.safetensors', '.onnx'] as const;

export interface ConvertOptions extends SourceOptions {
  /**
   * Which of a run's or a checkpoint's networks, or a JSON file (a name that ends in .json) that describes
   * bare weights' own. Default: the generator, and a file that is nothing else may be the discriminator.
   */
  readonly network?: string | undefined;
  /** Go on when NaN or infinity is among the weights. */
  readonly allowNan?: boolean | undefined;
  /** ONNX only: latents [N, latentSize] to uint8 RGB pictures. */
  readonly uint8?: boolean | undefined;
}

export interface Converted {
  readonly recipe: string;
  readonly network: string;
  readonly tensors: number;
  /** How the weights were understood and what was done to them, where that is not plain. */
  readonly notes: readonly string[];
}

/**
 * Converts weights. What is written bears PyTorch's names, in safetensors as `load_state_dict` takes them.
 * @param from a run folder, a checkpoint, or weights: safetensors, `.pth`, `.npz`.
 * @param to a path that ends in `.safetensors` or `.onnx`.
 * @throws ConfigError when a path cannot be read or written, or the combination makes no sense; CheckpointError when
 * the source is damaged, foreign or not trained yet; DeviceError without an adapter, since networks live on a device.
 */
export async function convert(from: string, to: string, options: ConvertOptions = {}): Promise<Converted> {
  const { network: named, uint8 = false, allowNan = false, ...how } = options;
  const described = named?.endsWith('.json') ? named : undefined;
  const wanted = described === undefined ? named : undefined;
  const onnx = to.endsWith('.onnx');
  if (!OUTPUTS.some((extension) => to.endsWith(extension)))
    throw new ConfigError(`The output ${to} was given; expected a name that ends in ${OUTPUTS.join(' or ')}`);
  if (uint8 && !onnx)
    throw new ConfigError('uint8 pictures were asked for, which only .onnx has: name such an output');
  const opened = await openSource(from, { ...how, network: described });
  const device = await createDevice();
  try {
    const { network, task, sizes, build, weights, notes, what } = wanted
      ? { network: wanted, ...opened.find(wanted, device) }
      : findEither(opened, device);
    if (!weights) throw untrained(from);
    if (onnx && network === 'discriminator')
      throw new ConfigError(
        `ONNX was asked for and ${from} is a discriminator; only generators are exported: write .safetensors`,
      );
    notes.push(...(await checkFinite(from, weights, allowNan)));
    const module: Module = device.scope(() => build(new Rng(0, { device })))[network]!;
    notes.push(...(await loadWeights(module, weights, what)));
    const state = await readStateDict(module.stateDict());
    const { latentSize } = sizes;
    const { name, pixelRange = 'tanh', channelOrder = 'rgb' } = task;
    const { latent, alwaysBatchStatistics: batchStatistics } = (task as Partial<GanTask>).gan ?? {};
    const metadata = {
      recipe: name,
      ...(latent && { latent: latent.distribution }),
      pixel_range: pixelRange,
      channel_order: channelOrder,
    };
    const bytes = onnx
      ? await exportOnnx(module, { latentSize, pixelRange, channelOrder, batchStatistics, uint8, metadata })
      : writeSafetensors(state, { format: 'pt' });
    await writeAtomic(to, bytes);
    return { recipe: name, network, tensors: state.size, notes };
  } finally {
    device.destroy();
  }
}
