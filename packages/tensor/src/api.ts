// The public entry, "@forger/tensor", in any place it runs; index.ts and index.browser.ts add the platform.
// The rule: a name is here when a program that computes with tensors uses it: the device and its memory
// report, tensors and their types, creation, operations, automatic differentiation, random numbers, weights
// files, errors, shapes, and profiles. What takes knowledge of how the library computes is in internal.ts,
// "@forger/tensor/internal".
import './methods.ts';

export {
  type BackwardOptions,
  backward,
  type Gradients,
  type GradOptions,
  grad,
  isGradEnabled,
  noGrad,
} from './autograd/tape.ts';
export type { AdapterReport, HalfMatrix, SubgroupMatrix } from './device/adapter.ts';
export type { MemoryReport } from './device/buffers.ts';
export type { Plan, PlanNeeds } from './device/capture.ts';
export { type Ceilings, measureCeilings } from './device/ceilings.ts';
export { Device, type DeviceOptions } from './device/device.ts';
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
export * from './errors.ts';
export {
  type FromImageDataOptions,
  fromImageData,
  type ImagePixels,
  type ImageRange,
  toImageData,
} from './io/image-data.ts';
export {
  readSafetensors,
  type SafetensorsData,
  type SafetensorsDType,
  type SafetensorsEntry,
  type SafetensorsFile,
  type SafetensorsTensor,
  writeSafetensors,
} from './io/safetensors.ts';
export * from './ops/index.ts';
export { defaultRng, manualSeed, Rng, type RngState } from './rng.ts';
export { type Pair, type Shape, showShape, sizeOf } from './shape.ts';
export {
  type CreateOptions,
  type DataOf,
  type DType,
  empty,
  getDefaultDevice,
  type NestedNumbers,
  readAll,
  scope,
  setDefaultDevice,
  Tensor,
  type TypedData,
  tensor,
  zeros,
} from './tensor.ts';
