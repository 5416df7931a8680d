// What `forger sample`, `forger info` and `forger convert` are pointed at: a run folder, a checkpoint, or bare weights
// in any format that weights/read.ts reads.

import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type InputInfos, type NetworkPlan, parseNetworkJson, parseOnnx, parseWeights } from '@forger/dcgan';
import {
  type FoundNetwork,
  imageInputs,
  type NetworkFinder,
  openWeights,
  quote,
  readSafetensorsWeights,
  under,
  type WeightEntries,
  type WeightOptions,
} from '@forger/dcgan/internal';
import { CheckpointError, ConfigError, type Device, Rng } from '@forger/tensor';
import { fileError } from '../atomic-file.ts';
import { loadTask } from '../recipes/load.ts';
import { readMeta } from '../train/checkpoint.ts';
import { type Checkpoint, isCheckpoint, readCheckpoint } from '../train/checkpoint-store.ts';
import { sizesOfRun, type TrainConfig } from '../train/config.ts';
import { findRecipeOf } from '../train/places.ts';
import { RunFolder } from '../train/run-folder.ts';
import { withOptions } from '../train/train.ts';
import { readBytes } from '../weights/read.ts';

/** What a path holds. */
export interface Opened extends NetworkFinder {
  kind: 'run' | 'checkpoint' | 'weights';
  config?: TrainConfig;
  step?: number;
}

/** How to read bare weights; a run and its checkpoints say all of it but the key. */
export interface SourceOptions extends Omit<WeightOptions, 'plan'> {
  /** A JSON file that describes the network, as `info --describe` writes it. */
  readonly network?: string | undefined;
  /** Of a run: the best checkpoint in place of the last, with the weights that were found best. Default false. */
  readonly best?: boolean | undefined;
}

/** @throws ConfigError when the file cannot be read or is no description. */
async function readNetworkFile(path: string): Promise<NetworkPlan> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileError('read', path, error);
  });
  return parseNetworkJson(text, path);
}

const HINTS = ['imageSize', 'activation', 'latent', 'pixelRange', 'normEps', 'reading', 'network'] as const;

/** @throws ConfigError for flags that only bare weights take. */
function refuseHints(path: string, options: SourceOptions): void {
  if (HINTS.some((hint) => options[hint] !== undefined))
    throw new ConfigError(
      `${path} is a run or a checkpoint, which says itself what its network is: leave out the flags that describe bare weights (--image-size, --activation, --latent, --pixel-range, --norm-eps, --reading, --network FILE)`,
    );
}

/**
 * Reads a path.
 * @param given the key, or `key`: where in a file of several networks the wanted one is; of a run or a
 * checkpoint, 'ema' is the average of the generator's weights. The others say of bare weights what shapes do
 * not.
 * @throws ConfigError when there is nothing to read, or nothing that could be best; CheckpointError when it is damaged,
 * foreign, or a run that kept no best checkpoint.
 */
export async function openSource(path: string, given: string | SourceOptions = {}): Promise<Opened> {
  const options = typeof given === 'string' ? { key: given } : given;
  const { key, network, best = false, ...hints } = options;
  const folder = await isFolder(path);
  if (folder || isCheckpoint(path)) refuseHints(path, options);
  if (folder) return best ? openBest(path, key) : openRun(path, key);
  if (best)
    throw new ConfigError(`${path} is a file, and only a run folder has a best checkpoint: leave --best out`);
  if (isCheckpoint(path)) return fromCheckpoint('checkpoint', await readCheckpoint(path), key);
  const plan = network === undefined ? undefined : await readNetworkFile(network);
  const bytes = await readBytes(path);
  const onnx = parseOnnx(bytes, path);
  const told = onnx && { plan: onnx.plan, planned: { by: 'as its ONNX graph says', guesses: onnx.guesses } };
  const entries = onnx?.entries ?? (await parseWeights(bytes, path));
  return {
    kind: 'weights',
    ...openWeights(entries, path, { key, ...told, ...(plan && { plan }), ...hints }),
  };
}

async function openRun(path: string, key: string | undefined): Promise<Opened> {
  const run = await RunFolder.read(path);
  const found = await run.latestCheckpoint();
  if (found) return fromCheckpoint('run', found.checkpoint, key);
  const { config } = run;
  const source = await fromConfig(config, undefined, path);
  return { kind: 'run', step: 0, config, ...named(source, path, () => new Map()) };
}

async function openBest(path: string, key: string | undefined): Promise<Opened> {
  const run = await RunFolder.read(path);
  const found = await run.bestCheckpoint();
  if (!found)
    throw new CheckpointError(
      `${path} has no best checkpoint: train with --keep-best, such as --keep-best frechet, or leave --best out`,
    );
  const { step } = found.checkpoint;
  // What was evaluated, which need not be the networks' own weights.
  const average = key ?? run.evaluations.read().find((line) => line.step === step)?.average;
  return fromCheckpoint('run', found.checkpoint, average);
}

async function fromCheckpoint(
  kind: Opened['kind'],
  checkpoint: Checkpoint,
  key: string | undefined,
): Promise<Opened> {
  const { config, inputs } = readMeta(checkpoint);
  const entries = readSafetensorsWeights(checkpoint.bytes);
  const source = await fromConfig(config, inputs, dirname(dirname(checkpoint.path)));
  const averages = source.task.averages ?? {};
  const average = key === undefined ? undefined : averages[key];
  if (key !== undefined && average === undefined)
    throw new CheckpointError(
      `${checkpoint.path} holds nothing under the key ${quote(key)}: ${Object.keys(averages).length > 0 ? `there is ${Object.keys(averages).join(', ')}` : 'the only one is ema, in runs with --ema'}`,
    );
  // Parameters are averaged; running statistics are the network's own.
  const weightsOf = (network: string): WeightEntries =>
    new Map([...under(network, entries), ...(average?.network === network ? under(key!, entries) : [])]);
  const all = (networks: readonly string[]): Map<string, WeightEntries> =>
    new Map(networks.map((name) => [name, weightsOf(name)]));
  return { kind, step: checkpoint.step, config, ...named(source, checkpoint.path, all) };
}

/** Finds one of a run's networks by name. */
function named(
  source: Omit<FoundNetwork, 'weights' | 'all'>,
  path: string,
  weightsOf: (networks: readonly string[]) => Map<string, WeightEntries>,
): Pick<Opened, 'find' | 'networks'> {
  /** What the networks are called, found in a dry run, where they take no memory. */
  const networks = (device: Device): string[] => {
    const names: string[] = [];
    device.dryRun(() => {
      names.push(...Object.keys(source.build(new Rng(0, { device }))));
    });
    return names;
  };
  return {
    networks,
    find: (network, device) => {
      const names = networks(device);
      if (!names.includes(network))
        throw new CheckpointError(`${path} has no network ${quote(network)}: there are ${names.join(', ')}`);
      const all = weightsOf(names);
      const weights = all.get(network);
      return { ...source, all, ...(weights && { weights }) };
    },
  };
}

async function fromConfig(
  config: TrainConfig,
  saved: InputInfos | undefined,
  folder: string,
): Promise<Omit<FoundNetwork, 'weights' | 'all'>> {
  const { task: published } = await loadTask(await findRecipeOf(config, folder));
  const task = withOptions(published, config);
  task.checkSizes?.(config);
  const sizes = sizesOfRun(task, config);
  const inputs = saved ?? imageInputs(task, sizes);
  return { task, sizes, inputs, build: (rng) => task.build(sizes, rng, inputs), notes: [] };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw fileError('read', path, error);
  }
}
