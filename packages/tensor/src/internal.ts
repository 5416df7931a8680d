// @forger/tensor/internal: what the other packages of this repository, its measurements and its tests need
// besides the public entry. The rule: a name is here, and not in api.ts, when using it takes knowledge of how
// the library computes: which kernel computes a product, what is compiled when, how optimizers lay out their
// memory, how a window slides. Nothing here is kept stable between versions. The modules are the same
// instances as the public entry's.
export type { AbortSignal } from './device/globals.ts';
export { kernelSources } from './device/pipelines.ts';
export { type Timing, timeInterleaved } from './device/timing.ts';
export type { NeededKernel, WarmUpOptions } from './device/warm-up.ts';
export { float32FromBfloat16, float32FromFloat16 } from './io/half.ts';
export {
  type Algorithm,
  allowedUnits,
  type ConvProduct,
  type ConvSizes,
  plainSums,
  type SpecialValues,
  unitRoundoff,
} from './kernels/algorithm.ts';
export { algorithms, algorithmsNamed } from './kernels/algorithms.ts';
export { convProblem, forgetDecisions, getChoices, setChoices } from './kernels/choose.ts';
export { markNonFinite } from './kernels/nonfinite.ts';
export * from './kernels/optimizer.ts';
export { type ProblemFamily, type Tunable, tunableProblems } from './kernels/tunable.ts';
export {
  type TunedProblem,
  type TuneOptions,
  type TuneReport,
  tune,
  tuneProblems,
} from './kernels/tune.ts';
export { checkOptions } from './options.ts';
export { pair, type Slide, sameShape, slideSize, spreadSize } from './shape.ts';
