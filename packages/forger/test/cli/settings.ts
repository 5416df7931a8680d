// Settings and metrics that tests of the command start from.

import type { Published, StepMetrics } from '@forger/dcgan';
import type { TrainConfig } from '../../src/train/config.ts';

export const config: TrainConfig = {
  version: 1,
  recipe: 'quick',
  data: 'glyphs',
  background: 'white',
  imageSize: 32,
  width: 32,
  channels: 1,
  batchSize: 64,
  lr: 2e-4,
  steps: 80,
  seed: 0,
  sampleEvery: 10,
  checkpointEvery: 20,
  precision: 'float32',
};

export const recipe: Published & { name: string } = {
  name: 'quick',
  title: 'a small one',
  source: 'a paper',
  defaults: { data: 'glyphs', imageSize: 32, width: 32, channels: 1, batchSize: 64, lr: 2e-4, epochs: 5 },
  flaws: [],
  checkSizes: () => {},
};

export function metrics(step: number): StepMetrics {
  return {
    step,
    epoch: 1,
    metrics: { lossD: 1.25, lossG: 0.5, dReal: 0.75, dFake: 0.25 },
    imagesPerSecond: 640,
    seconds: step / 10,
  };
}
