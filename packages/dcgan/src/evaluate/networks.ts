// Feature networks for images of no known kind: fixed random convolutions, and the pixels themselves. Neither
// knows what images show; distances in their features are named after them and compare with themselves only.

import {
  avgPool2d,
  conv2d,
  type Device,
  getDefaultDevice,
  leakyRelu,
  mul,
  noGrad,
  reshape,
  sub,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { Random } from '../data/random.ts';
import { sha256OfBytes, sha256OfText } from '../sha256.ts';
import { DRAWS } from './draws.ts';
import { Resizer } from './resize.ts';
import type { FeatureNetwork } from './types.ts';

export interface NetworkOptions {
  /** Default: the default device. */
  readonly device?: Device | undefined;
}

const SIDE = 32;
const WIDTHS = [32, 64, 64];
const SLOPE = 0.2;
/** Means over 2 × 2 of the last layer's 4 × 4 places. */
const POOL = 2;
const RANDOM_FEATURES = (WIDTHS.at(-1)! * (SIDE / 2 ** WIDTHS.length / POOL) ** 2) as number;

/**
 * Three convolutions, 4 × 4 with stride 2 and leaky ReLU, of random weights that are always the same: He's normal
 * distribution from seed 0. 256 features. Images are resized to 32×32, antialiased; grey becomes three equal channels.
 * Random features still tell textures and shapes apart: Naeem et al., "Reliable fidelity and diversity metrics for
 * generative models" (2020), section 4.
 */
export async function randomNetwork({
  device = getDefaultDevice(),
}: NetworkOptions = {}): Promise<FeatureNetwork> {
  const random = new Random(0, DRAWS.randomNetwork, 0);
  const values = WIDTHS.map((width, i) => {
    const inChannels = WIDTHS[i - 1] ?? 3;
    const deviation = Math.sqrt(2 / (1 + SLOPE ** 2) / (inChannels * 16));
    return Float32Array.from({ length: width * inChannels * 16 }, () => random.normal(deviation));
  });
  const hash = await sha256OfBytes(joined(values));
  const weights = values.map((data, i) =>
    tensor(data, [WIDTHS[i]!, WIDTHS[i - 1] ?? 3, 4, 4], { device }).keep(),
  );
  const resizer = new Resizer(device, SIDE, SIDE, true);
  return {
    name: 'random-convolutions',
    title: 'three convolutions of fixed random weights',
    hash: hash.slice(0, 12),
    size: RANDOM_FEATURES,
    extract: (images) =>
      noGrad(() => {
        let x = sub(mul(resizer.resize(inColour(images)), 2), 1);
        for (const weight of weights) x = leakyRelu(conv2d(x, weight, { stride: 2, padding: 1 }), SLOPE);
        return { features: reshape(avgPool2d(x, POOL), [images.shape[0]!, RANDOM_FEATURES]) };
      }),
    dispose: () => {
      for (const weight of weights) weight.dispose();
      resizer.dispose();
    },
  };
}

const PIXEL_SIDE = 16;

/** The pixels of images resized to 16×16, antialiased, 0 to 1: 256 features of grey images, 768 of colour images. */
export function pixelNetwork(
  channels: 1 | 3,
  { device = getDefaultDevice() }: NetworkOptions = {},
): FeatureNetwork {
  const size = channels * PIXEL_SIDE ** 2;
  const resizer = new Resizer(device, PIXEL_SIDE, PIXEL_SIDE, true);
  return {
    name: 'pixels',
    title: `pixels at ${PIXEL_SIDE}×${PIXEL_SIDE}`,
    hash: sha256OfText(`pixels ${channels} ${PIXEL_SIDE}`).slice(0, 12),
    size,
    extract: (images) =>
      noGrad(() => {
        const small = resizer.resize(images);
        // Features are the caller's to free; the images stay theirs.
        const own = small === images ? mul(small, 1) : small;
        return { features: reshape(own, [images.shape[0]!, size]) };
      }),
    dispose: () => resizer.dispose(),
  };
}

/** Grey images as three equal channels. */
export function inColour(images: Tensor): Tensor {
  const [n, c, h, w] = images.shape as [number, number, number, number];
  return c === 3 ? images : images.expand([n, 3, h, w]);
}

/** The bytes of several arrays, one after the other. */
function joined(arrays: readonly Float32Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(arrays.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}
