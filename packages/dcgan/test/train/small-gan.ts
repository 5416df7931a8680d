// A small GAN of 8×8 images that learns in seconds, to be made to fail in every way that the diagnosis knows.

import {
  type DiagnosisEvent,
  diagnose,
  type GanSpec,
  gan,
  type Hook,
  imageDataset,
  sampleEvery,
  type Trainer,
  type TrainingOptions,
  train,
} from '@forger/dcgan';
import { Flatten, LeakyReLU, Linear, Module, ReLU, Reshape, Sequential, Tanh } from '@forger/nn';
import { type Device, mul, type Tensor } from '@forger/tensor';

const SIDE = 8;

/** Soft spots of random place and size. */
export function spots(length: number) {
  return imageDataset({
    name: 'spots',
    length,
    channels: 1,
    height: SIDE,
    width: SIDE,
    read(index, out, offset) {
      const random = (k: number): number => {
        const value = Math.sin(index * 127.1 + k * 311.7) * 43758.5453;
        return value - Math.floor(value);
      };
      const [x0, y0, size] = [1 + 6 * random(1), 1 + 6 * random(2), 0.8 + 1.2 * random(3)];
      for (let y = 0; y < SIDE; y++)
        for (let x = 0; x < SIDE; x++)
          out[offset + y * SIDE + x] = Math.round(
            255 * Math.exp(-((x - x0) ** 2 + (y - y0) ** 2) / (2 * size * size)),
          );
    },
  });
}

/** Takes no notice of its input. */
class Blind extends Module {
  forward(x: Tensor): Tensor {
    return mul(x, 0);
  }
}

export interface SmallGan {
  steps: number;
  lr?: number;
  /** Training images. Default 2,000. */
  images?: number;
  latentSize?: number;
  /** Units of the hidden layers. Default 64. */
  generatorWidth?: number;
  discriminatorWidth?: number;
  /** The generator makes the same image of every latent. */
  blind?: boolean;
  adam?: GanSpec['adam'];
  objective?: GanSpec['objective'];
  options?: TrainingOptions;
}

/** Trains it. @returns what the diagnosis said. */
export async function diagnosed(device: Device, small: SmallGan): Promise<DiagnosisEvent[]> {
  const { steps, lr = 1e-3, images = 2000, latentSize = 8, blind = false, adam, objective } = small;
  const { generatorWidth: g = 64, discriminatorWidth: d = 64 } = small;
  const task = gan(
    {
      name: 'small',
      latent: { size: latentSize, distribution: 'normal' },
      ...(adam && { adam }),
      ...(objective && { objective }),
      generator: (_, rng) =>
        new Sequential(
          new Flatten(),
          ...(blind ? [new Blind()] : []),
          new Linear(latentSize, g, { rng }),
          new ReLU(),
          new Linear(g, g, { rng }),
          new ReLU(),
          new Linear(g, SIDE * SIDE, { rng }),
          new Tanh(),
          new Reshape([1, SIDE, SIDE]),
        ),
      discriminator: (_, rng) =>
        new Sequential(
          new Flatten(),
          new Linear(SIDE * SIDE, d, { rng }),
          new LeakyReLU(0.2),
          new Linear(d, 1, { rng }),
        ),
    },
    small.options,
  );
  const events: DiagnosisEvent[] = [];
  const hook = diagnose({ task, images, onEvent: (event) => events.push(event) });
  let trainer: Trainer | undefined;
  const seen: Hook = {
    name: 'seen',
    start: (started) => {
      trainer = started;
    },
  };
  const batchSize = Math.min(32, images);
  const run = train(task, {
    data: spots(images),
    device,
    steps,
    lr,
    batchSize,
    hooks: [seen, hook, sampleEvery(50)],
  });
  for await (const event of run) if (event.type === 'sample') await hook.preview(trainer!, event);
  return events;
}
