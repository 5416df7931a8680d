// `evaluateSource`: how good the images of a run, a checkpoint, a generator's weights or a data set are,
// compared with real ones.

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  type Dataset,
  datasetImages,
  type Evaluation,
  type EvaluationProgress,
  evaluate,
  findEither,
  generatedImages,
  type ImageSource,
} from '@forger/dcgan';
import { type FoundNetwork, loadWeights } from '@forger/dcgan/internal';
import {
  CheckpointError,
  ConfigError,
  createDevice,
  type Device,
  noGrad,
  Rng,
  type Tensor,
} from '@forger/tensor';
import { openDataset } from '../data/dataset.ts';
import { untrained } from '../sample/sample.ts';
import { type Opened, openSource } from '../sample/source.ts';
import type { TrainConfig } from '../train/config.ts';
import { findPlaces, isNamedSet } from '../train/places.ts';
import { openNetwork } from './network.ts';

export interface EvaluateSourceOptions {
  /** The real images, a data set's name or a path. Default: those that the run was trained on. */
  readonly data?: string | undefined;
  /** Further real images, such as a test set, for the floor. Default: others of the real images. */
  readonly floor?: string | undefined;
  /** Folder with copies of the named data sets. */
  readonly dataDir?: string | undefined;
  /** Images on each side. Default 10,000. */
  readonly count?: number;
  readonly metrics?: readonly string[] | undefined;
  /** Whose features are compared. Default: a classifier of the data, where there is one, else random convolutions. */
  readonly network?: string | undefined;
  readonly seed?: number;
  /** Of a data set: what its images are fitted to. Default: 32, and as many channels as the named set has, else 3. */
  readonly imageSize?: number | undefined;
  readonly channels?: 1 | 3 | undefined;
  readonly key?: string | undefined;
  readonly best?: boolean | undefined;
  readonly onProgress?: (progress: EvaluationProgress) => void;
  /** Told what there is to know of the data and the weights. */
  readonly onNote?: (note: string) => void;
}

const IMAGE_SIZE = 32;
const GREY = ['glyphs', 'mnist', 'fashion-mnist'];
/** Files that hold images, not weights. */
const DATA_FILE = /\.(zip|gz|tgz|tar|bin)$|ubyte$/i;
/** Images drawn at once, as `forger sample` draws them. */
const BATCH = 64;

/**
 * Compares a source's images with real ones.
 * @param path a run folder, a checkpoint, weights, or a data set: a name, a folder of pictures, an archive,
 * an IDX file.
 * @throws ConfigError for options that do not fit; DataError for data, CheckpointError for weights that cannot be used;
 * DeviceError without an adapter.
 */
export async function evaluateSource(path: string, options: EvaluateSourceOptions): Promise<Evaluation> {
  const { seed = 0, metrics, count, onProgress, onNote, key, best } = options;
  const isData = await isDataset(path);
  if (isData && options.best)
    throw new ConfigError(
      `${path} is a data set, and only a run folder has a best checkpoint: leave --best out`,
    );
  const opened = isData ? undefined : await openSource(path, { key, best });
  const device = await createDevice();
  try {
    const found = opened && findEither(opened, device);
    const { imageSize, channels } = found ? sizesOf(found) : shapeOf(path, options);
    const real = await openReal(path, opened?.config, { ...options, imageSize, channels });
    const { floor } = options;
    // Glyphs of another seed are further glyphs.
    const fitted = { ...options, imageSize, channels, seed: (opened?.config?.seed ?? 0) + 1 };
    const further = floor === undefined ? undefined : datasetImages(await openImages(floor, fitted));
    const network = await openNetwork({ ...options, data: real.data, channels, device }, ConfigError);
    const generated =
      opened && found
        ? await drawn(path, opened, found, device, onNote)
        : await ofData(path, real, { ...options, imageSize, channels });
    try {
      return await evaluate(generated, real.images, {
        device,
        network,
        seed,
        ...(count !== undefined && { count }),
        ...(metrics && { metrics }),
        ...(further && { floor: further }),
        onProgress,
      });
    } finally {
      network.dispose();
    }
  } finally {
    device.destroy();
  }
}

/** Whether a path is a data set, by its name, its place or its ending. */
async function isDataset(path: string): Promise<boolean> {
  if (isNamedSet(path) && !existsSync(join(path, 'config.json'))) return true;
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? !existsSync(join(path, 'config.json')) : DATA_FILE.test(path);
}

interface Fitted extends EvaluateSourceOptions {
  readonly imageSize: number;
  readonly channels: 1 | 3;
}

function sizesOf({ sizes: { imageSize, channels } }: FoundNetwork): { imageSize: number; channels: 1 | 3 } {
  return { imageSize, channels: channels as 1 | 3 };
}

function shapeOf(path: string, { data, imageSize = IMAGE_SIZE, channels }: EvaluateSourceOptions) {
  return { imageSize, channels: channels ?? (GREY.includes(data ?? path) ? 1 : 3) } as const;
}

interface Real {
  /** As --data has it. */
  readonly data: string;
  readonly dataset: Dataset & { readonly fingerprint: string };
  readonly images: ImageSource;
}

/** The real images: those asked for, else those that the run was trained on, fitted in the same way. */
async function openReal(path: string, config: TrainConfig | undefined, options: Fitted): Promise<Real> {
  const placed = options.data === undefined && config ? await placesOf(config, path) : config;
  const data = options.data ?? placed?.data;
  if (data === undefined)
    throw new ConfigError(`--data: ${path} does not say what it was trained on; name the real images`);
  const dataset = await openImages(data, {
    ...options,
    dataDir: options.dataDir ?? placed?.dataDir,
    background: config?.background,
    // Glyphs are drawn from a seed: the run's own are those it was trained on.
    seed: config?.seed ?? 0,
  });
  return { data, dataset, images: datasetImages(dataset) };
}

/** A run's settings with its data where they are now. */
async function placesOf(config: TrainConfig, path: string): Promise<TrainConfig> {
  const isFolder = (await stat(path)).isDirectory();
  return (await findPlaces(config, isFolder ? path : dirname(dirname(path)), true)).config;
}

async function openImages(
  data: string,
  {
    imageSize,
    channels,
    dataDir,
    background,
    seed = 0,
    onNote,
  }: Fitted & { background?: string | undefined },
) {
  const spec = isNamedSet(data) ? data : resolve(data);
  const dataset = await openDataset(spec, { imageSize, channels, seed, dataDir, background });
  for (const note of dataset.notes) onNote?.(note);
  return dataset;
}

/** A data set in the place of generated images: of the real ones themselves, others than those it is compared with. */
async function ofData(path: string, real: Real, options: Fitted): Promise<ImageSource> {
  const dataset = await openImages(path, { ...options, seed: 0 });
  const images = datasetImages(dataset);
  if (dataset.fingerprint !== real.dataset.fingerprint) return images;
  // Part 1 is the floor, where there are enough for it.
  return {
    ...images,
    name: `other images of ${images.name}`,
    batches: (count, seed) =>
      images.batches(count, seed, Math.min(2, Math.floor(dataset.length / count) - 1)),
  };
}

/** Images that a generator draws, as `forger sample` draws them. */
async function drawn(
  path: string,
  { kind, step }: Opened,
  { task, sizes, inputs, build, weights, all, notes }: Found,
  device: Device,
  onNote: ((note: string) => void) | undefined,
): Promise<ImageSource> {
  if (!weights) throw untrained(path);
  const rng = new Rng(0, { device });
  const networks = device.scope(() => build(rng));
  const loaded: string[] = [];
  for (const [name, entries] of all) loaded.push(...(await loadWeights(networks[name]!, entries)));
  for (const note of [...notes, ...loaded]) onNote?.(note);
  const context = { sizes, inputInfos: inputs };
  const draw = (): Tensor =>
    device.scope(() => {
      const fixed = task.fixed({ ...context, count: BATCH, rng, data: noData(task.name) });
      return noGrad(() => task.preview({ ...context, networks, fixed, purpose: 'sample' }));
    });
  return generatedImages({
    name: kind === 'weights' ? basename(path) : `${basename(resolve(path))}, step ${step}`,
    shape: [sizes.channels as 1 | 3, sizes.imageSize, sizes.imageSize],
    pixelRange: task.pixelRange,
    channelOrder: task.channelOrder,
    begin: (seed) => rng.manualSeed(seed),
    draw,
  });
}

type Found = FoundNetwork & { network: string };

function noData(name: string): () => never {
  return () => {
    throw new CheckpointError(
      `The images of the recipe ${name} are made from data, so none can be drawn from its weights alone: evaluate while training, with --evaluate-every`,
    );
  };
}
