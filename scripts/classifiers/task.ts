// Training a classifier as a task: the network of evaluate/classifier.ts with batch norms, cross-entropy, Adam whose
// learning rate rises for a tenth of the run and then falls to nothing along a cosine.

import { defineTask } from '@forger/dcgan';
import {
  Adam,
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  LeakyReLU,
  Linear,
  Module,
  Sequential,
} from '@forger/nn';
import { backward, crossEntropy, type Rng, type Tensor } from '@forger/tensor';
import {
  CLASSIFIER_FEATURES,
  CLASSIFIER_SIZE,
  CLASSIFIER_SLOPE,
  CLASSIFIER_WIDTHS,
} from '../../packages/dcgan/src/evaluate/classifier.ts';

/** The layers behind which a batch norm stands, and the norm. */
const NORMS = [
  ['conv1', 'norm1'],
  ['conv2', 'norm2'],
  ['conv3', 'norm3'],
  ['hidden', 'norm4'],
] as const;

export class TrainedClassifier extends Module {
  readonly features: Sequential;
  readonly logits: Linear;

  constructor(channels: number, classes: number, rng: Rng) {
    super();
    const [a, b, c] = CLASSIFIER_WIDTHS;
    const halving = { stride: 2, padding: 1, bias: false, rng };
    const norm = { device: rng.device };
    this.features = new Sequential({
      conv1: new Conv2d(channels, a, 4, halving),
      norm1: new BatchNorm2d(a, norm),
      relu1: new LeakyReLU(CLASSIFIER_SLOPE),
      conv2: new Conv2d(a, b, 4, halving),
      norm2: new BatchNorm2d(b, norm),
      relu2: new LeakyReLU(CLASSIFIER_SLOPE),
      conv3: new Conv2d(b, c, 4, halving),
      norm3: new BatchNorm2d(c, norm),
      relu3: new LeakyReLU(CLASSIFIER_SLOPE),
      flatten: new Flatten(),
      dropout: new Dropout(0.2, { rng }),
      hidden: new Linear((c * CLASSIFIER_SIZE ** 2) / 64, CLASSIFIER_FEATURES, { bias: false, rng }),
      norm4: new BatchNorm1d(CLASSIFIER_FEATURES, norm),
      relu4: new LeakyReLU(CLASSIFIER_SLOPE),
    });
    this.logits = new Linear(CLASSIFIER_FEATURES, classes, { rng });
  }

  forward(images: Tensor): Tensor {
    return this.logits.forward(this.features.forward(images));
  }

  override outputShape(input: readonly number[]): readonly number[] {
    return this.logits.outputShape(this.features.outputShape(input));
  }
}

export const classifierTask = defineTask({
  name: 'classifier',
  inputs: { real: {}, label: { field: 'label' } },
  build: (sizes, rng, inputs) => ({
    classifier: new TrainedClassifier(sizes.channels, inputs.label!.classes!.length, rng),
  }),
  optimizers: ({ classifier }, lr) => ({ classifier: new Adam(classifier.namedParameters(), { lr }) }),
  learningRates: ({ stepsDone, totalSteps = 1, rates }) => ({
    classifier:
      rates.classifier! *
      Math.min((stepsDone + 1) / (totalSteps / 10), (1 + Math.cos((Math.PI * stepsDone) / totalSteps)) / 2),
  }),
  parts: {
    step: ({ networks: { classifier }, optimizers, inputs: { real, label } }) => {
      optimizers.classifier.zeroGrad();
      const loss = crossEntropy(classifier.forward(real), label);
      backward(loss);
      optimizers.classifier.step();
      return { loss: loss.detach() };
    },
  },
  fixed: ({ data }) => ({ images: data('real') }),
  preview: ({ fixed }) => fixed.images!,
});

/** Values of a trained network by name, [shape, values], with each batch norm folded into the layer before it. */
export function folded(
  state: ReadonlyMap<
    string,
    { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> }
  >,
  eps: number,
): [name: string, shape: readonly number[], values: Float64Array][] {
  const get = (name: string) => state.get(name)!;
  const values = (name: string) => Float64Array.from(get(name).data as ArrayLike<number>);
  const layers = NORMS.flatMap(([layer, norm]): [string, readonly number[], Float64Array][] => {
    const { shape } = get(`features.${layer}.weight`);
    const weight = values(`features.${layer}.weight`);
    const [gain, shift, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((name) =>
      values(`features.${norm}.${name}`),
    ) as [Float64Array, Float64Array, Float64Array, Float64Array];
    const scale = gain.map((g, i) => g / Math.sqrt(variance[i]! + eps));
    const each = weight.length / shape[0]!;
    return [
      [`features.${layer}.weight`, shape, weight.map((w, i) => w * scale[Math.floor(i / each)]!)],
      [`features.${layer}.bias`, [shape[0]!], shift.map((b, i) => b - mean[i]! * scale[i]!)],
    ];
  });
  const head = ['logits.weight', 'logits.bias'].map((name): [string, readonly number[], Float64Array] => [
    name,
    get(name).shape,
    values(name),
  ]);
  return [...layers, ...head];
}
