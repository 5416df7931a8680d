// @forger/dcgan: recipes, the trainer, data sets in memory and weight formats, in Node, in a page and in a worker.

export { type Batches, type BatchOptions, type BatchState, DatasetBatches } from './data/batches.ts';
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
export * from './evaluate/index.ts';
export * from './evaluate/index.ts';
export {
  drawLatents,
  type GanContext,
  type GanFixed,
  type GanInputs,
  type GanNetworks,
  type GanOptimizers,
  type GanSpec,
  type GanTask,
  gan,
  type Latent,
  type Published,
  type Recipe,
} from './recipes/gan.ts';
export { findRecipe, recipes } from './recipes/index.ts';
export * from './recipes/initialize.ts';
export {
  bceOfLogits,
  bceOfProbabilities,
  gradientPenalty,
  LOSSES,
  type LossName,
  leastSquares,
  type Objective,
  type ObjectiveOf,
} from './recipes/objectives.ts';
export type { TrainingOptions } from './recipes/options.ts';
export {
  alternating,
  alternatingOnFreshLatents,
  frozen,
  inTurns,
  simultaneous,
  together,
  type Updates,
  updateDiscriminator,
  updateGenerator,
} from './recipes/updates.ts';
export { type Best, type BestState, BestTracker, type Ranked, rank } from './train/best.ts';
export type { Checkpoint, CheckpointMeta, HookState } from './train/checkpoint.ts';
export { type DiagnoseOptions, type DiagnosisHook, diagnose, sentence } from './train/diagnose.ts';
export {
  Diagnosis,
  type DiagnosisEvent,
  type DiagnosisOptions,
  type DiagnosisState,
  FINDINGS,
  type FindingKind,
} from './train/diagnosis.ts';
export * from './train/hooks.ts';
export {
  type Batch,
  networkSizes,
  type PartOptions,
  TrainState,
  type TrainStateOptions,
} from './train/state.ts';
export { DivergenceError, type StepMetrics } from './train/step-metrics.ts';
export {
  type HostBatch,
  StepRunner,
  type StepRunnerOptions,
  type StepValues,
} from './train/step-runner.ts';
export {
  type AnyTask,
  defineTask,
  type FixedContext,
  type InputInfo,
  type InputInfos,
  type InputSpec,
  type Inputs,
  type InputTensors,
  type MetricSpec,
  metricSpec,
  type NamedTensors,
  type Networks,
  type Optimizers,
  type Part,
  PIXELS,
  type PreviewContext,
  type Progress,
  type RateProgress,
  type Scalars,
  type Schedule,
  type Sizes,
  type StepContext,
  type Task,
  type TaskDefaults,
} from './train/task.ts';
export { openTrainer, type TrainOptions, train } from './train/train.ts';
export {
  type EndReason,
  type Goal,
  type Hook,
  type TrainEvent,
  Trainer,
  type TrainerOptions,
  type TrainResult,
} from './train/trainer.ts';
export { type ActivationPlan, parseActivation } from './weights/activation-name.ts';
export type { WeightEntries, WeightEntry } from './weights/entry.ts';
export {
  type FoundNetwork,
  findEither,
  type NetworkFinder,
  openWeights,
  type WeightOptions,
} from './weights/find-network.ts';
export { checkFinite, nonFinite } from './weights/finite.ts';
export type { Hints } from './weights/infer-network.ts';
export { loadWeights } from './weights/load.ts';
export { parseNetworkJson, writeNetworkJson } from './weights/network-json.ts';
export type { LayerPlan, NetworkPlan } from './weights/network-plan.ts';
export { exportOnnx, type OnnxOptions } from './weights/onnx.ts';
export { parseOnnx, parseWeights } from './weights/parse.ts';
export { type SampledPictures, type SamplePicturesOptions, samplePictures } from './weights/sample.ts';
