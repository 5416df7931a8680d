// Everything that @forger/tensor offers in any place it runs; index.ts and index.browser.ts add the platform.
import './methods.ts';

export { type BackwardOptions, backward, grad, isGradEnabled, noGrad } from './autograd/tape.ts';
export type { AdapterReport, HalfMatrix, SubgroupMatrix } from './device/adapter.ts';
export type { MemoryReport } from './device/buffers.ts';
export type { Plan, PlanNeeds } from './device/capture.ts';
export { type Ceilings, measureCeilings } from './device/ceilings.ts';
export { Device, type DeviceOptions } from './device/device.ts';
export { kernelSources } from './device/pipelines.ts';
export type { Precision } from './device/precision.ts';
export type {
  DeviceSpan,
  HostSpan,
  HostTime,
  KernelProfile,
  Profile,
  ProfileMethod,
} from './device/profile.ts';
export { chromeTrace, type ProfileTableOptions, profileTable } from './device/profile-report.ts';
export type { ProfileOptions } from './device/profiler.ts';
export { type Timing, timeInterleaved } from './device/timing.ts';
export type { NeededKernel, WarmUpOptions } from './device/warm-up.ts';
export * from './errors.ts';
export { float32FromBfloat16, float32FromFloat16 } from './io/half.ts';
export {
  readSafetensors,
  type SafetensorsData,
  type SafetensorsDType,
  type SafetensorsEntry,
  type SafetensorsFile,
  type SafetensorsTensor,
  writeSafetensors,
} from './io/safetensors.ts';
export { type Algorithm, allowedUnits, unitRoundoff } from './kernels/algorithm.ts';
export { algorithms, algorithmsNamed } from './kernels/algorithms.ts';
export { getChoices, setChoices } from './kernels/choose.ts';
export { markNonFinite } from './kernels/nonfinite.ts';
export * from './kernels/optimizer.ts';
export { type ProblemFamily, type Tunable, tunableProblems } from './kernels/tunable.ts';
export { type TunedProblem, type TuneOptions, type TuneReport, tune } from './kernels/tune.ts';
export * from './ops/index.ts';
export { defaultGenerator, Generator, type GeneratorState, manualSeed } from './random.ts';
export {
  type Pair,
  type Shape,
  type Slide,
  sameShape,
  showShape,
  sizeOf,
  slideSize,
  spreadSize,
} from './shape.ts';
export {
  type CreateOptions,
  type DType,
  empty,
  getDefaultDevice,
  type NestedNumbers,
  readAll,
  setDefaultDevice,
  Tensor,
  type TypedData,
  tensor,
  zeros,
} from './tensor.ts';
