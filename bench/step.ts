// A full DCGAN training step: both networks, both updates, on the `pytorch` recipe's network at any size.
import { recipes, TrainState } from '@forger/dcgan';
import { summarize } from '@forger/nn';
import { type Device, tensor } from '@forger/tensor';

export interface StepOptions {
  readonly size: number;
  readonly width: number;
  readonly channels: number;
  readonly batch: number;
  /** Steps that are timed, after the first. */
  readonly steps: number;
}

export interface StepResult extends StepOptions {
  /** One step: median over the timed steps, least and most. */
  readonly milliseconds: number;
  readonly spread: readonly [number, number];
  readonly imagesPerSecond: number;
  /** Operations that the step's convolutions need (2 per multiply-add, 8 F_D + 3 F_G a picture) over the time. */
  readonly gflops: number;
  /** The first step, with the compilation of every kernel. */
  readonly firstStepMilliseconds: number;
  readonly dispatchesPerStep: number;
  readonly deviceBytes: number;
}

export async function benchStep(device: Device, options: StepOptions): Promise<StepResult> {
  const { size, width, channels, batch, steps } = options;
  const recipe = recipes.pytorch!;
  recipe.checkImageSize(size);
  const latentSize = recipe.latent.size;
  const state = new TrainState(recipe, {
    sizes: { imageSize: size, width, channels, latentSize },
    lr: 2e-4,
    seed: 1,
    device,
  });
  const shape = [batch, channels, size, size];
  const pixels = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7));
  const real = tensor(pixels, shape, { device }).keep();
  const one = async (): Promise<number> => {
    const start = performance.now();
    device.scope(() => void state.step(real));
    await device.sync();
    return performance.now() - start;
  };
  const firstStepMilliseconds = await one();
  await one();
  const before = device.recorder.dispatches;
  const times: number[] = [];
  for (let i = 0; i < steps; i++) times.push(await one());
  const dispatchesPerStep = (device.recorder.dispatches - before) / steps;
  times.sort((a, b) => a - b);
  const milliseconds = times[Math.floor(times.length / 2)]!;
  const macs = (rows: { macs: number }[]): number => rows.reduce((sum, row) => sum + row.macs, 0);
  const forwardG = macs(summarize(state.networks.generator, [latentSize, 1, 1]));
  const forwardD = macs(summarize(state.networks.discriminator, [channels, size, size]));
  const flop = 2 * batch * (8 * forwardD + 3 * forwardG);
  const deviceBytes = device.memory().peakBytes;
  state.dispose();
  real.dispose();
  return {
    ...options,
    milliseconds,
    spread: [times[0]!, times.at(-1)!],
    imagesPerSecond: (1000 * batch) / milliseconds,
    gflops: flop / milliseconds / 1e6,
    firstStepMilliseconds,
    dispatchesPerStep,
    deviceBytes,
  };
}
