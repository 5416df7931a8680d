// The small classifiers that Forger ships, as feature networks. `pnpm classifiers` trains them (scripts/classifiers/)
// and writes them to src/classifiers/, one module each, so that only what is imported is loaded.

import { Conv2d, Flatten, LeakyReLU, Linear, Sequential } from '@forger/nn';
import {
  DataError,
  type Device,
  getDefaultDevice,
  mul,
  noGrad,
  readSafetensors,
  reshape,
  sub,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { sha256OfBytes } from '../sha256.ts';
import { Resizer } from './resize.ts';
import type { FeatureNetwork } from './types.ts';

/** A classifier as a module of src/classifiers/ holds it. */
export interface Classifier {
  /** The data set's name: `mnist`, `fashion-mnist`, `glyphs`. */
  readonly name: string;
  /** What it tells apart, in the plural: `MNIST digits`. */
  readonly subject: string;
  readonly classes: readonly string[];
  /** 1 (grey) or 3 (RGB). */
  readonly channels: 1 | 3;
  /** Share of test images that it names rightly, with the weights as shipped. */
  readonly accuracy: number;
  /** How many test images that was measured on. */
  readonly testImages: number;
  /** Of the weights' bytes. */
  readonly sha256: string;
  /** A safetensors file of float16 tensors, in base64. */
  readonly weights: string;
}

/** Side of the images that classifiers see. */
export const CLASSIFIER_SIZE = 32;
/** Numbers in a feature vector: the last hidden layer behind its activation. */
export const CLASSIFIER_FEATURES = 64;
export const CLASSIFIER_WIDTHS = [32, 64, 96] as const;
export const CLASSIFIER_SLOPE = 0.1;

/** ITU-R BT.601 luma, as PIL's convert('L'). */
const LUMA = [0.299, 0.587, 0.114];

/**
 * The network: three convolutions that halve the image, 32 → 16 → 8 → 4 pixels, then a hidden layer of 64, whose values
 * are the features, and the logits. Batch norms of training are folded into weights and biases.
 */
export function classifierLayers(channels: number, classes: number, device: Device): ClassifierLayers {
  const [a, b, c] = CLASSIFIER_WIDTHS;
  const halving = { stride: 2, padding: 1, device };
  const features = new Sequential({
    conv1: new Conv2d(channels, a, 4, halving),
    relu1: new LeakyReLU(CLASSIFIER_SLOPE),
    conv2: new Conv2d(a, b, 4, halving),
    relu2: new LeakyReLU(CLASSIFIER_SLOPE),
    conv3: new Conv2d(b, c, 4, halving),
    relu3: new LeakyReLU(CLASSIFIER_SLOPE),
    flatten: new Flatten(),
    hidden: new Linear((c * CLASSIFIER_SIZE ** 2) / 64, CLASSIFIER_FEATURES, { device }),
    relu4: new LeakyReLU(CLASSIFIER_SLOPE),
  });
  return { features, logits: new Linear(CLASSIFIER_FEATURES, classes, { device }) };
}

interface ClassifierLayers {
  readonly features: Sequential;
  readonly logits: Linear;
}

/**
 * A shipped classifier as a feature network of 64 features. Images are resized to 32×32 with antialiased bilinear
 * weights; colour becomes grey by BT.601 luma for a classifier of grey images, and grey becomes three equal
 * channels for one of colour images; pixels go from [0, 1] to [-1, 1].
 * @throws DataError when the weights are not those that the module was made with.
 */
export async function classifierNetwork(
  classifier: Classifier,
  { device = getDefaultDevice() }: { readonly device?: Device | undefined } = {},
): Promise<FeatureNetwork> {
  const { name, subject, classes, channels, accuracy } = classifier;
  const bytes = Uint8Array.from(atob(classifier.weights), (character) => character.charCodeAt(0));
  const hash = await sha256OfBytes(bytes);
  if (hash !== classifier.sha256)
    throw new DataError(
      `The weights of the ${name} classifier have the SHA-256 ${hash}, not ${classifier.sha256}: install @forger/dcgan again.`,
    );
  const { features, logits } = classifierLayers(channels, classes.length, device);
  const { tensors } = readSafetensors(bytes);
  const named = (prefix: string) =>
    new Map(
      [...tensors]
        .filter(([key]) => key.startsWith(`${prefix}.`))
        .map(([key, entry]) => [key.slice(prefix.length + 1), entry]),
    );
  features.loadStateDict(named('features'));
  logits.loadStateDict(named('logits'));
  features.eval();
  const resizer = new Resizer(device, CLASSIFIER_SIZE, CLASSIFIER_SIZE, true);
  const luma = tensor(LUMA, [1, 3, 1, 1], { device }).keep();
  return {
    name: `${name}-classifier`,
    title: `a classifier of ${subject} (${(100 * accuracy).toFixed(2)} % of test images right)`,
    hash: hash.slice(0, 12),
    size: CLASSIFIER_FEATURES,
    classes,
    batchSize: 256,
    extract: (images) =>
      noGrad(() => {
        const small = resizer.resize(withChannels(images, channels, luma));
        const hidden = features.forward(sub(mul(small, 2), 1));
        return { features: hidden, logits: logits.forward(hidden) };
      }),
    dispose: () => {
      features.dispose();
      logits.dispose();
      resizer.dispose();
      luma.dispose();
    },
  };
}

/** Images [N, 1 or 3, H, W] with the channels that a network takes: grey by luma, colour by repetition. */
export function withChannels(images: Tensor, channels: 1 | 3, luma: Tensor): Tensor {
  const [n, c, h, w] = images.shape as [number, number, number, number];
  if (c === channels) return images;
  if (channels === 1) return sum(mul(images, luma), 1, true);
  return reshape(images, [n, 1, h, w]).expand([n, 3, h, w]);
}
