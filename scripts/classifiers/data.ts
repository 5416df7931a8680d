// The labelled images that classifiers are trained and tested on.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type ImageDataset, imageDataset, openGlyphs } from '@forger/dcgan';
import { openRawImages, parseIdx, Random } from '@forger/dcgan/internal';
import { CLASSIFIER_SIZE } from '../../packages/dcgan/src/evaluate/classifier.ts';

export interface Split {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

export interface ClassifierSpec {
  readonly name: string;
  readonly subject: string;
  readonly epochs: number;
  /** Images are moved by up to so many pixels, so that the classifier does not mind where in the image a thing stands. */
  readonly shift: number;
  /** @param dataDir folder with one subfolder for each data set. */
  open(dataDir: string): Promise<Split>;
}

const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));
const CLOTHES = [
  'T-shirt/top',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];

export const SPECS: readonly ClassifierSpec[] = [
  {
    name: 'mnist',
    subject: 'MNIST digits',
    epochs: 4,
    shift: 2,
    open: (dataDir) => openIdx(path.join(dataDir, 'mnist'), 'mnist', DIGITS),
  },
  {
    name: 'fashion-mnist',
    subject: 'Fashion-MNIST clothes',
    epochs: 4,
    // The clothes fill the image.
    shift: 0,
    open: (dataDir) => openIdx(path.join(dataDir, 'fashion-mnist'), 'fashion-mnist', CLOTHES),
  },
  {
    name: 'glyphs',
    subject: 'drawn digits',
    epochs: 2,
    shift: 2,
    // Runs draw their training data from small seeds; the classifier has digits of its own.
    open: async () => ({ train: drawn(1_000_001, 60_000), test: drawn(1_000_002, 10_000) }),
  },
];

async function openIdx(folder: string, name: string, classes: readonly string[]): Promise<Split> {
  const part = async (prefix: string): Promise<ImageDataset> => {
    const [images, labels] = await Promise.all(
      [`${prefix}-images-idx3-ubyte.gz`, `${prefix}-labels-idx1-ubyte.gz`].map(async (file) =>
        gunzipSync(await readFile(path.join(folder, file))),
      ),
    );
    const raw = parseIdx(images!, `${prefix}-images-idx3-ubyte.gz`);
    const label = { classes, read: (index: number) => labels![8 + index]! };
    return openRawImages(name, { ...raw, label }, { imageSize: CLASSIFIER_SIZE, channels: 1 });
  };
  return { train: await part('train'), test: await part('t10k') };
}

function drawn(seed: number, length: number): ImageDataset {
  const all = openGlyphs({ imageSize: CLASSIFIER_SIZE, channels: 1, seed });
  const { image, label } = all.fields;
  return imageDataset({ ...all, length, read: image.read, label: label! });
}

/** A stream of random numbers of its own. */
const AUGMENT = 101;

/**
 * The images of `data`, `copies` times over, each moved by up to `shift` pixels, another way in each copy. So an epoch of
 * it is `copies` epochs of `data`, and an image is the same whenever it is read.
 */
export function augmented(data: ImageDataset, copies: number, shift: number): ImageDataset {
  const { length, channels, height, width } = data;
  const plain = new Uint8Array(channels * height * width);
  return imageDataset({
    ...data,
    length: length * copies,
    fingerprint: `${data.fingerprint} ${copies} ${shift}`,
    label: {
      ...data.fields.label!,
      read: (index) => data.fields.label!.read(index % length),
      fingerprint: '',
    },
    read(index, out, offset) {
      data.read(index % length, plain, 0);
      const random = new Random(0, AUGMENT, index);
      const [dx, dy] = [random.below(2 * shift + 1) - shift, random.below(2 * shift + 1) - shift];
      const background = plain[0]!;
      for (let c = 0; c < channels; c++)
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            const [fromY, fromX] = [y + dy, x + dx];
            const inside = fromY >= 0 && fromY < height && fromX >= 0 && fromX < width;
            out[offset + (c * height + y) * width + x] = inside
              ? plain[(c * height + fromY) * width + fromX]!
              : background;
          }
    },
  });
}
