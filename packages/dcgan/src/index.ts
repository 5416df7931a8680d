// @forger/dcgan: recipes, data sets, training, sampling and description, for programs that do without the command.

export { type BatchOptions, BatchSource, type BatchState } from './data/batches.ts';
export { type DatasetOptions, type ImageDataset, openDataset } from './data/dataset.ts';
export { describe } from './info/info.ts';
export { describeRecipe, describeRecipes, type RecipeDescription } from './info/recipes.ts';
export { findRecipe, recipes } from './recipes/index.ts';
export { gradientPenalty, LOSSES, type LossName, type Objective } from './recipes/objectives.ts';
export type { TrainingOptions } from './recipes/options.ts';
export type {
  NetworkSizes,
  Networks,
  Optimizers,
  Recipe,
  StepContext,
  StepProgress,
  StepResult,
} from './recipes/recipe.ts';
export { type GridOptions, writeGrid } from './report/grid.ts';
export { writeReports } from './report/report.ts';
export { sample } from './sample/sample.ts';
export {
  newConfig,
  parseConfig,
  resumeConfig,
  type TrainConfig,
  type TrainOverrides,
} from './train/config.ts';
export type { ProfileReport } from './train/profile.ts';
export type { Reporter, ReportPaths, StartInfo, StepMetrics, TrainSummary } from './train/reporter.ts';
export { RunFolder, type RunFolderOptions } from './train/run-folder.ts';
export { drawLatent, generate, PIXELS, TrainState, type TrainStateOptions } from './train/step.ts';
export { DivergenceError } from './train/step-metrics.ts';
export { StepRunner, type StepRunnerOptions, type StepValues } from './train/step-runner.ts';
export { StoppedError, train } from './train/train.ts';
export type {
  Describe,
  Description,
  LayerRow,
  NetworkDescription,
  RecipeDefaults,
  RecipeInfo,
  Sample,
  SampleOptions,
  Train,
  TrainIO,
} from './train/types.ts';
export { type Converted, type ConvertOptions, convert } from './weights/convert.ts';
export type { WeightEntries, WeightEntry } from './weights/entry.ts';
export { exportOnnx, type OnnxOptions } from './weights/onnx.ts';
export { readWeights } from './weights/read.ts';
