// The trainings that are tortured: small ones, each with something that a checkpoint could forget.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sharp } from '../../packages/forger/test/report/pictures.ts';

/** Settings of a training run, and what makes them worth it. */
export interface Scenario {
  readonly name: string;
  /** Flags of `forger train`. */
  readonly flags: readonly string[];
}

const SMALL = ['--image-size', '16', '--batch-size', '8', '--tune', 'off'];

/** Pictures in the folder of the scenario `epochs`: with batches of 8, four batches an epoch and three left over. */
const PICTURES = 35;

/** @param dir where pictures are made. */
export async function makeScenarios(dir: string): Promise<readonly Scenario[]> {
  const pictures = join(dir, 'pictures');
  await makePictures(pictures);
  return [
    {
      name: 'plain',
      flags: [...SMALL, ...flags('--width 8 --steps 60 --checkpoint-every 4 --sample-every 10')],
    },
    {
      name: 'epochs',
      flags: [
        ...SMALL,
        ...flags('--width 8 --epochs 13 --checkpoint-every 3 --sample-every 7'),
        ...['--data', pictures],
      ],
    },
    {
      name: 'average',
      flags: [
        ...SMALL,
        ...flags('--width 8 --channels 3 --ema 0.9 --steps 50 --checkpoint-every 5 --sample-every 5'),
      ],
    },
    {
      name: 'penalty',
      flags: [
        ...SMALL,
        ...flags(
          '--width 8 --loss wgan-gp --n-dis 2 --noise 0.05 --steps 40 --checkpoint-every 3 --sample-every 10',
        ),
      ],
    },
    {
      name: 'large',
      flags: [...SMALL, ...flags('--width 64 --steps 24 --checkpoint-every 1 --sample-every 8')],
    },
    {
      name: 'eager',
      flags: [...SMALL, ...flags('--width 8 --eager --steps 30 --checkpoint-every 2 --sample-every 10')],
    },
  ];
}

const flags = (line: string): string[] => line.split(' ');

async function makePictures(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < PICTURES; i++) {
    const pixels = Uint8Array.from({ length: 256 }, (_, k) => (k * (i + 3)) % 256);
    const raw = { width: 16, height: 16, channels: 1 } as const;
    await sharp(pixels, { raw })
      .png()
      .toFile(join(folder, `${String(i).padStart(2, '0')}.png`));
  }
}
