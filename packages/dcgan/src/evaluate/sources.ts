// Images to evaluate: of a data set, of a function that draws them, and of a trained task.

import { ConfigError, type DType, empty, noGrad, Rng, type Tensor } from '@forger/tensor';
import { permutation, Random } from '../data/random.ts';
import type { ImageField } from '../data/types.ts';
import type { TrainState } from '../train/state.ts';
import { DivergenceError } from '../train/step-metrics.ts';
import { type Networks, PIXELS } from '../train/task.ts';
import { DRAWS } from './draws.ts';
import type { ImageSource } from './types.ts';

/** Images read or drawn at once. */
const BATCH = 64;

/** What `datasetImages` takes: any data set with a field of images. */
export interface ImagesOf {
  readonly name: string;
  readonly length: number;
  readonly fields: { readonly image: ImageField };
}

/**
 * Images of a data set, chosen by the seed; the part p of n images are the images p·n to (p + 1)·n of one permutation.
 */
export function datasetImages({ name, length, fields: { image } }: ImagesOf): ImageSource {
  const size = image.shape.reduce((a, b) => a * b, 1);
  const indices = (count: number, seed: number, part = 0): Uint32Array => {
    if ((part + 1) * count > length)
      throw new ConfigError(
        `'${name}' holds ${length} images; ${(part + 1) * count} are needed: compare fewer images.`,
      );
    return permutation(length, new Random(seed, DRAWS.images, 0)).slice(part * count, (part + 1) * count);
  };
  return {
    name,
    shape: image.shape,
    length,
    indices,
    *batches(count, seed, part = 0) {
      const chosen = indices(count, seed, part);
      for (let from = 0; from < count; from += BATCH) {
        const batch = new Uint8Array(Math.min(BATCH, count - from) * size);
        for (let i = 0; i * size < batch.length; i++) image.read(chosen[from + i]!, batch, i * size);
        yield batch;
      }
    },
  };
}

export interface GeneratedOptions {
  /** For reports. */
  readonly name: string;
  readonly shape: ImageSource['shape'];
  /** Values of black and white. Default 'tanh': [-1, 1]. */
  readonly pixelRange?: 'tanh' | 'sigmoid' | undefined;
  /** The order of the channels of colour images. Default 'rgb'. */
  readonly channelOrder?: 'rgb' | 'bgr' | undefined;
  /** Called before the first batch of a seed. */
  readonly begin?: (seed: number) => void;
  /** 64 images [64, C, H, W] that go on from those before. The tensor is freed for it. */
  readonly draw: () => Tensor | Promise<Tensor>;
  /** Called after the last batch. */
  readonly end?: () => void;
}

/** Images that a function draws, rounded to bytes as picture files are: round(255 (v - black) / (white - black)). */
export function generatedImages(options: GeneratedOptions): ImageSource {
  const { name, shape, pixelRange = 'tanh', channelOrder = 'rgb', begin, draw, end } = options;
  const [black, white] = PIXELS[pixelRange];
  const [channels, height, width] = shape;
  const size = channels * height * width;
  return {
    name,
    shape,
    async *batches(count, seed) {
      begin?.(seed);
      try {
        for (let from = 0; from < count; from += BATCH) {
          const t = await draw();
          const drawn = t.shape.join('×');
          const values = (await t.data()) as Float32Array;
          t.dispose();
          if (drawn !== [BATCH, ...shape].join('×'))
            throw new ConfigError(`A batch of ${drawn} was drawn; expected ${[BATCH, ...shape].join('×')}.`);
          const taken = Math.min(BATCH, count - from);
          const batch = toBytes(values.subarray(0, taken * size), black, white);
          if (channelOrder === 'bgr' && channels === 3) swapColours(batch, height * width);
          yield batch;
        }
      } finally {
        end?.();
      }
    },
  };
}

function toBytes(values: Float32Array, black: number, white: number): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < bytes.length; i++) {
    const value = Math.round((255 * (values[i]! - black)) / (white - black));
    if (Number.isNaN(value)) throw new DivergenceError('an image to be evaluated holds NaN');
    bytes[i] = Math.max(0, Math.min(255, value));
  }
  return bytes;
}

function swapColours(batch: Uint8Array, plane: number): void {
  for (let at = 0; at < batch.length; at += 3 * plane) {
    const first = batch.slice(at, at + plane);
    batch.copyWithin(at, at + 2 * plane, at + 3 * plane);
    batch.set(first, at + 2 * plane);
  }
}

export interface TrainedOptions {
  /** For reports. Default: the task's name and the step. */
  readonly name?: string;
  /** An average of weights to draw with, by the task's name for it. Default: the networks' own weights. */
  readonly average?: string | undefined;
  /** Images of an input, where the task makes images from images: [64, …], anew for each batch. */
  readonly data?: (input: string) => Tensor;
}

/**
 * Images of a task's present state, drawn as `forger sample` draws them. The run's random stream, statistics
 * of norms and modes of layers are left as they were, so a run with evaluations and one without make the same
 * steps.
 */
export function trainedImages(state: TrainState, options: TrainedOptions = {}): ImageSource {
  const { task, sizes, inputInfos, device } = state;
  const { average, data = noData } = options;
  const { imageSize, channels } = sizes;
  let rng: Rng | undefined;
  const draw = (): Tensor => {
    const networks = Object.values(state.networks as Networks);
    const modules = networks.flatMap((network) => network.namedModules().map(([, module]) => module));
    const modes = modules.map(({ training }) => training);
    // A task may sample in training mode, which moves running statistics on, and layers may draw from the run's stream.
    const images = device.scope(() => {
      const restore = [...networks.flatMap((network) => network.buffers()), state.rng.stateTensor].map(
        copyAside,
      );
      if (average !== undefined) state.averages[average]!.swap();
      try {
        const context = { sizes, inputInfos };
        const fixed = task.fixed({ ...context, count: BATCH, rng: rng!, data });
        return noGrad(() => task.preview({ ...context, networks: state.networks, fixed, purpose: 'sample' }));
      } finally {
        if (average !== undefined) state.averages[average]!.swap();
        for (const back of restore) back();
      }
    });
    for (const [i, module] of modules.entries()) module.training = modes[i]!;
    return images;
  };
  return generatedImages({
    name: options.name ?? `${task.name} at step ${state.stepsDone}`,
    shape: [channels, imageSize, imageSize],
    pixelRange: task.pixelRange,
    channelOrder: task.channelOrder,
    begin: (seed) => {
      rng = new Rng(seed, { device });
    },
    draw,
    end: () => {
      rng?.dispose();
      rng = undefined;
    },
  });
}

/** Copies a tensor's values; @returns a function that puts them back. */
function copyAside(t: Tensor<DType>): () => void {
  const { device, bytes } = t;
  const copy = empty(t.shape, t);
  device.copy(t.range, copy.range, bytes);
  return () => device.copy(copy.range, t.range, bytes);
}

function noData(input: string): never {
  throw new ConfigError(
    `The images of this task are made from data of the input '${input}', and none were given for evaluation.`,
  );
}
