// The Inception network of FID, from the weights that pytorch-fid publishes
// (pt_inception-2015-12-05-6726825d.pth), which the user hands over: 94 MB that are not ours to ship.
//
// Inception v3 (Szegedy et al., "Rethinking the Inception architecture", 2016) under torchvision's names,
// with the three departures of the network of TensorFlow's FID that mseitzer/pytorch-fid makes
// (pytorch_fid/inception.py): average pools leave their padding out of the mean, and the last block's pool
// takes the maximum. Images are resized to 299×299 by plain bilinear interpolation, not antialiased, and go
// from [0, 1] to [-1, 1]; grey becomes three equal channels. The features are the 2,048 means of the last
// block's planes.

import {
  avgPool2d,
  CheckpointError,
  cat,
  conv2d,
  type Device,
  getDefaultDevice,
  globalAvgPool2d,
  maxPool2d,
  mul,
  noGrad,
  type Pair,
  relu,
  reshape,
  scope,
  showShape,
  sub,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { WeightEntries } from '../weights/entry.ts';
import { inColour } from './networks.ts';
import { Resizer } from './resize.ts';
import type { FeatureNetwork } from './types.ts';

/** How the SHA-256 of pytorch-fid's file begins; its name says so. */
const PUBLISHED = '6726825d';
const SIDE = 299;
const FEATURES = 2048;
const NORM_EPS = 1e-3;

interface Layer {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Convolutions by name, their batch norms folded into weight and bias. */
export type InceptionLayers = ReadonlyMap<string, Layer>;

export interface InceptionOptions {
  /** Default: the default device. */
  readonly device?: Device | undefined;
  /** SHA-256 of the file in hexadecimal: distances are called FID and KID only if it is pytorch-fid's. */
  readonly fileHash?: string | undefined;
}

/**
 * The network of FID as a feature network.
 * @param entries the weights' file, as it was read.
 * @throws CheckpointError when the weights are not those of such a network.
 */
export async function inceptionNetwork(
  entries: WeightEntries,
  { device = getDefaultDevice(), fileHash }: InceptionOptions = {},
): Promise<FeatureNetwork> {
  const layers = await inceptionLayers(entries, device);
  const resizer = new Resizer(device, SIDE, SIDE, false);
  const published = fileHash?.startsWith(PUBLISHED) === true;
  return {
    name: published ? 'inception-2015-12-05' : 'inception-v3',
    title: published ? "pytorch-fid's Inception" : 'an Inception v3 of weights other than pytorch-fid’s',
    ...(published && { titles: { frechet: 'FID', kid: 'KID' } }),
    hash: (fileHash ?? (await hashOf(entries))).slice(0, 12),
    size: FEATURES,
    batchSize: 8,
    extract: (images) =>
      noGrad(() => {
        const large = resizer.resize(inColour(images));
        const stages = inceptionStages(layers, sub(mul(large, 2), 1));
        return { features: reshape(stages.at(-1)![1], [images.shape[0]!, FEATURES]) };
      }),
    dispose: () => {
      for (const { weight, bias } of layers.values()) {
        weight.dispose();
        bias.dispose();
      }
      resizer.dispose();
    },
  };
}

/** @throws CheckpointError */
export async function inceptionLayers(entries: WeightEntries, device: Device): Promise<InceptionLayers> {
  const classes = entries.get('fc.weight')?.shape[0];
  if (classes !== 1008) {
    throw new CheckpointError(
      `The weights of FID's Inception end in a layer of 1008 classes ('fc.weight'); these have ${classes ?? 'none'}: give pytorch-fid's pt_inception-2015-12-05-6726825d.pth.`,
    );
  }
  const read = async (name: string, shape?: readonly number[]): Promise<Float32Array> => {
    const entry = entries.get(name);
    if (!entry || (shape && showShape(entry.shape) !== showShape(shape)))
      throw new CheckpointError(
        `The weights of FID's Inception have '${name}'${shape ? ` of shape ${showShape(shape)}` : ''}; these ${entry ? `have it of ${showShape(entry.shape)}` : 'do not'}: give pytorch-fid's pt_inception-2015-12-05-6726825d.pth.`,
      );
    return (await entry.read()) as Float32Array;
  };
  const layers = new Map<string, Layer>();
  const suffix = '.conv.weight';
  for (const [name, { shape }] of entries) {
    if (!name.endsWith(suffix) || name.startsWith('AuxLogits')) continue;
    const layer = name.slice(0, -suffix.length);
    const channels = [shape[0]!];
    const weight = await read(name);
    const gain = await read(`${layer}.bn.weight`, channels);
    const shift = await read(`${layer}.bn.bias`, channels);
    const mean = await read(`${layer}.bn.running_mean`, channels);
    const variance = await read(`${layer}.bn.running_var`, channels);
    const scale = Float64Array.from(gain, (g, i) => g / Math.sqrt(variance[i]! + NORM_EPS));
    const each = weight.length / shape[0]!;
    const folded = weight.map((w, i) => w * scale[Math.floor(i / each)]!);
    const bias = Float32Array.from(shift, (b, i) => b - mean[i]! * scale[i]!);
    layers.set(layer, {
      weight: tensor(folded, shape, { device }).keep(),
      bias: tensor(bias, channels, { device }).keep(),
    });
  }
  return layers;
}

/**
 * The results of the network's blocks by name, in order; the last are the features. @param x [N, 3, H, W], H
 * and W ≥ 75.
 */
export function inceptionStages(layers: InceptionLayers, x: Tensor): [name: string, result: Tensor][] {
  const stages: [string, Tensor][] = [];
  const net = new Blocks(layers);
  let y = x;
  const then = (name: string, block: (x: Tensor) => Tensor): void => {
    // What a block makes on the way is freed at its end.
    y = scope(() => block(y));
    stages.push([name, y]);
  };
  then('Conv2d_1a_3x3', (x) => net.conv(x, 'Conv2d_1a_3x3', 0, 2));
  then('Conv2d_2a_3x3', (x) => net.conv(x, 'Conv2d_2a_3x3'));
  then('Conv2d_2b_3x3', (x) => net.conv(x, 'Conv2d_2b_3x3', 1));
  then('maxpool1', (x) => maxPool2d(x, 3, { stride: 2 }));
  then('Conv2d_3b_1x1', (x) => net.conv(x, 'Conv2d_3b_1x1'));
  then('Conv2d_4a_3x3', (x) => net.conv(x, 'Conv2d_4a_3x3'));
  then('maxpool2', (x) => maxPool2d(x, 3, { stride: 2 }));
  for (const name of ['Mixed_5b', 'Mixed_5c', 'Mixed_5d']) then(name, (x) => net.a(x, name));
  then('Mixed_6a', (x) => net.b(x, 'Mixed_6a'));
  for (const name of ['Mixed_6b', 'Mixed_6c', 'Mixed_6d', 'Mixed_6e']) then(name, (x) => net.c(x, name));
  then('Mixed_7a', (x) => net.d(x, 'Mixed_7a'));
  then('Mixed_7b', (x) => net.e(x, 'Mixed_7b', means));
  then('Mixed_7c', (x) => net.e(x, 'Mixed_7c', (x) => maxPool2d(x, 3, { stride: 1, padding: 1 })));
  then('avgpool', globalAvgPool2d);
  return stages;
}

/** The mean of 3 × 3 places, padding left out. */
const means = (x: Tensor): Tensor => avgPool2d(x, 3, { stride: 1, padding: 1, countIncludePad: false });

/** The kinds of blocks, by the letters that torchvision gives them. */
class Blocks {
  readonly #layers: InceptionLayers;

  constructor(layers: InceptionLayers) {
    this.#layers = layers;
  }

  /** Convolution, batch norm and ReLU. */
  conv(x: Tensor, name: string, padding: Pair = 0, stride = 1): Tensor {
    const layer = this.#layers.get(name);
    if (!layer)
      throw new CheckpointError(
        `The weights of FID's Inception have '${name}.conv.weight'; these do not: give pytorch-fid's pt_inception-2015-12-05-6726825d.pth.`,
      );
    return relu(conv2d(x, layer.weight, { bias: layer.bias, padding, stride }));
  }

  /** Convolutions one after the other: [layer, padding, stride]. */
  #row(x: Tensor, block: string, layers: readonly (readonly [string, Pair?, number?])[]): Tensor {
    return layers.reduce(
      (y, [name, padding, stride]) => this.conv(y, `${block}.${name}`, padding, stride),
      x,
    );
  }

  a(x: Tensor, block: string): Tensor {
    return cat(
      [
        this.#row(x, block, [['branch1x1']]),
        this.#row(x, block, [['branch5x5_1'], ['branch5x5_2', 2]]),
        this.#row(x, block, [['branch3x3dbl_1'], ['branch3x3dbl_2', 1], ['branch3x3dbl_3', 1]]),
        this.#row(means(x), block, [['branch_pool']]),
      ],
      1,
    );
  }

  b(x: Tensor, block: string): Tensor {
    return cat(
      [
        this.#row(x, block, [['branch3x3', 0, 2]]),
        this.#row(x, block, [['branch3x3dbl_1'], ['branch3x3dbl_2', 1], ['branch3x3dbl_3', 0, 2]]),
        maxPool2d(x, 3, { stride: 2 }),
      ],
      1,
    );
  }

  c(x: Tensor, block: string): Tensor {
    const [wide, tall] = [
      [0, 3],
      [3, 0],
    ] as const;
    return cat(
      [
        this.#row(x, block, [['branch1x1']]),
        this.#row(x, block, [['branch7x7_1'], ['branch7x7_2', wide], ['branch7x7_3', tall]]),
        this.#row(x, block, [
          ['branch7x7dbl_1'],
          ['branch7x7dbl_2', tall],
          ['branch7x7dbl_3', wide],
          ['branch7x7dbl_4', tall],
          ['branch7x7dbl_5', wide],
        ]),
        this.#row(means(x), block, [['branch_pool']]),
      ],
      1,
    );
  }

  d(x: Tensor, block: string): Tensor {
    return cat(
      [
        this.#row(x, block, [['branch3x3_1'], ['branch3x3_2', 0, 2]]),
        this.#row(x, block, [
          ['branch7x7x3_1'],
          ['branch7x7x3_2', [0, 3]],
          ['branch7x7x3_3', [3, 0]],
          ['branch7x7x3_4', 0, 2],
        ]),
        maxPool2d(x, 3, { stride: 2 }),
      ],
      1,
    );
  }

  e(x: Tensor, block: string, pool: (x: Tensor) => Tensor): Tensor {
    const split = (y: Tensor, name: string): Tensor[] => [
      this.conv(y, `${block}.${name}a`, [0, 1]),
      this.conv(y, `${block}.${name}b`, [1, 0]),
    ];
    return cat(
      [
        this.#row(x, block, [['branch1x1']]),
        ...split(this.#row(x, block, [['branch3x3_1']]), 'branch3x3_2'),
        ...split(this.#row(x, block, [['branch3x3dbl_1'], ['branch3x3dbl_2', 1]]), 'branch3x3dbl_3'),
        this.#row(pool(x), block, [['branch_pool']]),
      ],
      1,
    );
  }
}

/** A hash of all weights and their names. */
async function hashOf(entries: WeightEntries): Promise<string> {
  const hash = sha256.create();
  for (const [name, entry] of entries) {
    const { buffer, byteOffset, byteLength } = await entry.read();
    hash.update(new TextEncoder().encode(name)).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return bytesToHex(hash.digest());
}
