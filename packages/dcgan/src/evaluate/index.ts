// Evaluation: how good generated images are. See docs/evaluation.md.

export { type Classifier, classifierNetwork } from './classifier.ts';
export { distanceFromBest, evaluate, openEvaluator } from './evaluate.ts';
export { type InceptionOptions, inceptionNetwork } from './inception.ts';
export { defaultMetrics, findMetric, METRICS } from './metrics/index.ts';
export { type KidOptions, kidWith } from './metrics/kid.ts';
export type { NearestPair } from './metrics/nearest-images.ts';
export { type SwdOptions, swdWith } from './metrics/swd.ts';
export { type NetworkOptions, pixelNetwork, randomNetwork } from './networks.ts';
export {
  datasetImages,
  type GeneratedOptions,
  generatedImages,
  type ImagesOf,
  type TrainedOptions,
  trainedImages,
} from './sources.ts';
export type * from './types.ts';
