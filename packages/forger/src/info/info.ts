// `describe`: what a run or a weight file holds, layer by layer.

import { type AnyTask, findEither, type Networks, nonFinite, type Sizes } from '@forger/dcgan';
import { type Module, summarize } from '@forger/nn';
import { createDevice, ForgerError, Rng, type Shape } from '@forger/tensor';
import { openSource } from '../sample/source.ts';
import { bestOf } from '../train/best.ts';
import { RunFolder } from '../train/run-folder.ts';
import type { Describe, Description, NetworkDescription } from '../train/types.ts';
import { findingsOf } from './findings.ts';

/**
 * Describes a run, a checkpoint or a generator's weights. A run needs no checkpoint to be described.
 * @throws as `openSource`; DeviceError without an adapter, since networks live on a device.
 */
export const describe: Describe = async (source, options = {}) => {
  const opened = await openSource(source, options);
  const device = await createDevice();
  try {
    const { network, task, sizes, build, notes, plan, weights } = findEither(opened, device);
    const faults = weights && (await nonFinite(weights));
    const networks: NetworkDescription[] = [];
    // Nothing is computed: in a dry run networks take no memory, whatever sizes the source claims.
    device.dryRun(() => {
      networks.push(...describeNetworks(build(new Rng(0, { device })), sizes));
    });
    const { kind, config, step } = opened;
    return {
      source,
      kind: kind === 'weights' ? `${network} weights` : kind,
      recipe: task.name,
      ...(config !== undefined && { config }),
      ...(step !== undefined && { step }),
      networks: kind === 'weights' ? networks.filter(({ name }) => name === network) : networks,
      ...(plan && { plan }),
      notes: faults === undefined ? notes : [...notes, `${source}: ${faults}`],
      ...(kind === 'run' && (await howItWent(source, task))),
    };
  } finally {
    device.destroy();
  }
};

/** A run's best checkpoint, last evaluation and diagnosis. */
async function howItWent(
  dir: string,
  task: AnyTask,
): Promise<Pick<Description, 'best' | 'evaluation' | 'findings'>> {
  const run = await RunFolder.read(dir);
  const best = await bestOf(run);
  const evaluation = run.evaluations.read().at(-1);
  const findings = findingsOf(run.diagnosis.read(), run.readMetrics(), task);
  return { ...(best && { best }), ...(evaluation && { evaluation }), findings };
}

/** A task's networks: a generator for latents, the others for images. */
export function describeNetworks(networks: Networks, sizes: Sizes): NetworkDescription[] {
  const { imageSize, channels, latentSize } = sizes;
  return Object.entries(networks).map(([name, network]) => {
    const shapes: Shape[] = [
      [latentSize, 1, 1],
      [channels, imageSize, imageSize],
    ];
    const [likely, other] = name === 'generator' ? shapes : [...shapes].reverse();
    return attempt(name, network, [likely!, other!]);
  });
}

/** What a network takes is not known but by trying; one that takes neither is counted without its layers' outputs. */
function attempt(name: string, network: Module, shapes: readonly Shape[]): NetworkDescription {
  for (const shape of shapes) {
    try {
      return describeNetwork(name, network, shape);
    } catch (error) {
      if (!(error instanceof ForgerError || error instanceof TypeError)) throw error;
    }
  }
  const parameters = network.parameters().reduce((sum, { size }) => sum + size, 0);
  const layers = [...network.namedParameters()].map(([parameter, { shape, size }]) => ({
    name: parameter,
    layer: 'parameter',
    output: shape,
    parameters: size,
    macs: 0,
  }));
  return { name, layers, parameters, macs: 0 };
}

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
