// @forger/nn: modules, layers, losses, optimizers and schedules on @forger/tensor.
export { canForwardBatches, forwardBatches } from './batches.ts';
export { ModuleDict, ModuleList } from './containers.ts';
export * from './init.ts';
export * from './layers/activation.ts';
export * from './layers/conv.ts';
export * from './layers/linear.ts';
export * from './layers/noise.ts';
export * from './layers/norm.ts';
export type { BiasOptions, ParameterOptions } from './layers/options.ts';
export * from './layers/padding.ts';
export * from './layers/pooling.ts';
export * from './layers/reshape.ts';
export * from './layers/upsample.ts';
export { type SpectralNormOptions, WeightedLayer } from './layers/weighted.ts';
export * from './losses.ts';
export { Module } from './module.ts';
export { clipGradNorm, clipGradValue } from './optim/clip.ts';
export { EMA } from './optim/ema.ts';
export type { ParameterList } from './optim/flat.ts';
export { Optimizer, type OptimizerOptions } from './optim/optimizer.ts';
export * from './optim/optimizers.ts';
export * from './schedules.ts';
export { Sequential } from './sequential.ts';
export {
  type LoadOptions,
  type LoadReport,
  loadStateDict,
  readStateDict,
  type StateDict,
  type StateEntries,
} from './state-dict.ts';
export { type SummaryRow, summarize } from './summary.ts';
