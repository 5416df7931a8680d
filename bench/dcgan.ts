// The training step that benchmarks run: the `pytorch` recipe's networks and updates at any size.
import { networkSizes, type Recipe, recipes, TrainState } from '@forger/dcgan';
import { summarize } from '@forger/nn';
import { type Device, type Tensor, tensor } from '@forger/tensor';
import type { BenchContext, BenchOption } from './benchmark.ts';

/** The options of a benchmark that runs a step. */
export const stepOptions = {
  size: { default: '32', help: 'height and width of the images' },
  width: {
    default: '32',
    help: "channels of the generator's last and the discriminator's first hidden layer",
  },
  channels: { default: '1', help: '1 for grey, 3 for colour' },
  batch: { default: '64', help: 'images in a step' },
} as const satisfies Record<string, BenchOption>;

export interface StepSizes {
  readonly size: number;
  readonly width: number;
  readonly channels: number;
  readonly batch: number;
}

/** The values of `stepOptions`. */
export function stepSizes(context: BenchContext): StepSizes {
  return {
    size: context.whole('size'),
    width: context.whole('width'),
    channels: context.whole('channels'),
    batch: context.whole('batch'),
  };
}

/** Such as `32×32, width 32, 1 channel, batch 64`. */
export function showStep({ size, width, channels, batch }: StepSizes): string {
  return `${size}×${size}, width ${width}, ${channels} ${channels === 1 ? 'channel' : 'channels'}, batch ${batch}`;
}

/** The same for a file's name. */
export function stepLabel({ size, width, channels, batch }: StepSizes): string {
  return `${size}x${size}-width-${width}-channels-${channels}-batch-${batch}`;
}

/** Learning rate of both networks: the recipe's own. */
export const LEARNING_RATE = 2e-4;

export interface DcganStep {
  readonly state: TrainState<Recipe>;
  /** A batch of images, the same at every run. */
  readonly real: Tensor;
  /** Operations that the convolutions of one step need: 2 per multiply-add, 8 F_D + 3 F_G a picture. */
  readonly flop: number;
  dispose(): void;
}

/** Networks with fresh weights, and a batch for them. Throws ConfigError on a size that the networks cannot make. */
export function openStep(device: Device, { size, width, channels, batch }: StepSizes): DcganStep {
  const recipe = recipes.pytorch!;
  recipe.checkSizes({ imageSize: size, width });
  const sizes = networkSizes(recipe, { imageSize: size, width, channels });
  const state = new TrainState(recipe, { sizes, lr: LEARNING_RATE, seed: 1, device });
  const shape = [batch, channels, size, size];
  const pixels = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7));
  const real = tensor(pixels, shape, { device }).keep();
  const macs = (rows: { macs: number }[]): number => rows.reduce((sum, row) => sum + row.macs, 0);
  const forwardG = macs(summarize(state.networks.generator, [sizes.latentSize, 1, 1]));
  const forwardD = macs(summarize(state.networks.discriminator, [channels, size, size]));
  const dispose = (): void => {
    state.dispose();
    real.dispose();
  };
  return { state, real, flop: 2 * batch * (8 * forwardD + 3 * forwardG), dispose };
}
