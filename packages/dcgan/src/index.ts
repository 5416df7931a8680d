// @forger/dcgan: recipes, the trainer, data sets in memory and weight formats, in Node, in a page and in a worker.

export { type BatchOptions, BatchSource, type BatchState } from './data/batches.ts';
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
export { exportOnnx, type OnnxOptions } from './weights/onnx.ts';
