// What the browser tests do in Node, in a page and in a worker alike, by the public API alone.

import {
  findRecipe,
  gridPixels,
  idxDataset,
  openGlyphs,
  openWeights,
  parseWeights,
  samplePictures,
  train,
} from '@forger/dcgan';
import { type AdapterReport, createDevice } from '@forger/tensor';

export interface Outcome {
  adapter: Pick<AdapterReport, 'vendor' | 'description'>;
  /** Metrics of each step, by name. */
  steps: Readonly<Record<string, number>>[];
  fingerprint: string;
}

/** A few steps of a small GAN. */
export async function trainSmall(): Promise<Outcome> {
  const device = await createDevice();
  try {
    const data = openGlyphs({ imageSize: 16, channels: 1, seed: 3 });
    const steps: Readonly<Record<string, number>>[] = [];
    const events = train(findRecipe('quick'), {
      data,
      device,
      batchSize: 8,
      sizes: { width: 4 },
      lr: 2e-4,
      seed: 7,
      steps: 3,
    });
    for await (const event of events) {
      if (event.type === 'step') steps.push(event.metrics);
    }
    const { vendor, description } = device.adapter;
    return { adapter: { vendor, description }, steps, fingerprint: data.fingerprint };
  } finally {
    device.destroy();
  }
}

export interface Drawn {
  width: number;
  height: number;
  pixels: number[];
  /** The images themselves. */
  values: number[];
  notes: readonly string[];
}

/** A grid of pictures from a PyTorch generator's weights. */
export async function drawFrom(pth: Uint8Array, name: string): Promise<Drawn> {
  const device = await createDevice();
  try {
    const source = openWeights(await parseWeights(pth, name), name).find('generator', device);
    const { pictures, grid, notes } = await samplePictures(source, { count: 4, seed: 5, device });
    const { width, height, pixels } = gridPixels(pictures, grid);
    return { width, height, pixels: [...pixels], values: [...pictures], notes };
  } finally {
    device.destroy();
  }
}

/** What IDX files in memory are known by. */
export async function fingerprintOf(images: Uint8Array, labels: Uint8Array): Promise<string[]> {
  const { fingerprint, fields } = await idxDataset('idx', { images, labels }, { imageSize: 8, channels: 1 });
  return [fingerprint, fields.label!.fingerprint];
}
