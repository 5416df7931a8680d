// A GAN so small that tests of the trainer take no time, data of its size, and the events of a run.

import { gan, type ImageDatasetSpec, imageDataset, type TrainEvent, type TrainResult } from '@forger/dcgan';
import { Flatten, Linear, Reshape, Sequential, Tanh } from '@forger/nn';

const SIDE = 4;
const PIXELS = SIDE * SIDE;

/** One layer each, for grey images of 4×4. */
export const toy = gan({
  name: 'toy',
  latent: { size: 3, distribution: 'normal' },
  defaults: { batchSize: 4, lr: 0.01 },
  generator: ({ latentSize }, rng) =>
    new Sequential({
      flatten: new Flatten(),
      linear: new Linear(latentSize, PIXELS, { rng }),
      tanh: new Tanh(),
      reshape: new Reshape([1, SIDE, SIDE]),
    }),
  discriminator: (_, rng) =>
    new Sequential({ flatten: new Flatten(), linear: new Linear(PIXELS, 1, { rng }) }),
});

/** Grey images of 4×4: the first byte is the index, the others follow from it. */
export function pictures(name: string, length: number, changes: Partial<ImageDatasetSpec> = {}) {
  return imageDataset({
    name,
    length,
    channels: 1,
    height: SIDE,
    width: SIDE,
    read(index, out, offset) {
      for (let i = 0; i < PIXELS; i++) out[offset + i] = i === 0 ? index : (index * 37 + i * i * 11) % 256;
    },
    ...changes,
  });
}

/** Goes through a run. */
export async function followed(
  run: AsyncGenerator<TrainEvent, TrainResult>,
): Promise<{ events: TrainEvent[]; result: TrainResult }> {
  const events: TrainEvent[] = [];
  while (true) {
    const { done, value } = await run.next();
    if (done) return { events, result: value };
    events.push(value);
  }
}

/** The events of one kind. */
export function ofType<T extends TrainEvent['type']>(
  events: readonly TrainEvent[],
  type: T,
): Extract<TrainEvent, { type: T }>[] {
  return events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);
}
