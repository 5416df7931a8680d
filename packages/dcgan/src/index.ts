// @forger/dcgan: recipes, the trainer, data sets in memory and weight formats, in Node, in a page and in a worker.

export { type BatchOptions, BatchSource, type BatchState } from './data/batches.ts';
export { type CifarFile, cifarDataset } from './data/cifar.ts';
export { openGlyphs } from './data/glyphs.ts';
export { type GridImage, type GridOptions, gridPixels } from './data/grid.ts';
export { type IdxFiles, idxDataset } from './data/idx.ts';
export { type ImageDatasetSpec, imageDataset, type LabelSpec } from './data/image-dataset.ts';
export type {
  Dataset,
  DatasetOptions,
  Field,
  ImageDataset,
  ImageField,
  LabelField,
  NumbersField,
} from './data/types.ts';
export { findRecipe, recipes } from './recipes/index.ts';
export { gradientPenalty, LOSSES, type LossName, type Objective } from './recipes/objectives.ts';
export type { TrainingOptions } from './recipes/options.ts';
export type {
  NetworkSizes,
  Networks,
  Optimizers,
  Rates,
  Recipe,
  RecipeDefaults,
  RecipeInfo,
  StepContext,
  StepProgress,
  StepResult,
} from './recipes/recipe.ts';
export { drawLatent, generate, PIXELS, TrainState, type TrainStateOptions } from './train/step.ts';
export { DivergenceError, type StepMetrics } from './train/step-metrics.ts';
export { StepRunner, type StepRunnerOptions, type StepValues } from './train/step-runner.ts';
export type { WeightEntries, WeightEntry } from './weights/entry.ts';
export { findEither, type NetworkFinder, openWeights, type Source } from './weights/find-network.ts';
export { loadWeights } from './weights/load.ts';
export { exportOnnx, type OnnxOptions } from './weights/onnx.ts';
export { parseWeights } from './weights/parse.ts';
export { type SampledPictures, type SamplePicturesOptions, samplePictures } from './weights/sample.ts';
