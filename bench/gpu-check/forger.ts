// What the stages use of the library's inner side, in one place: devices with rules to order, products forced onto one
// algorithm each, what tests know of each algorithm, and the tuner.
import { createDevice, type Device, type Precision } from '@forger/tensor';
import {
  forceGemmCore,
  type GemmCore,
  gemmCores,
  getChoices,
  setChoices,
  supportsCore,
  tune,
  withGemmCore,
} from '@forger/tensor/internal';
import { openGoldenFile } from '../../test/golden/cases.ts';
import { type FamilyResult, runFamily } from '../../test/golden/ops.ts';
import { allowedUnits, sourceOf } from '../../test/verify/variants.ts';
import type { Rules } from './rules.ts';

export interface DeviceRequest {
  readonly rules: Rules;
  readonly precision?: Precision;
  /** Whether products of small float16 matrices are asked for, with the drafts of WebGPU that they need. */
  readonly halfMatrices?: boolean;
  /** False leaves out Dawn's validation and bounds checks. */
  readonly validation?: boolean;
}

/** Opens a device and makes it the default one. Throws DeviceError when no adapter answers. */
export async function openDevice({ rules, ...options }: DeviceRequest): Promise<Device> {
  const device = await createDevice(options);
  if (rules !== 'own') (device.adapter as { software: boolean }).software = rules === 'software';
  return device;
}

/** What computes convolutions and matrix products. */
export type AlgorithmName = GemmCore;

/** The plain algorithm, which the others are held to. */
export const plainAlgorithm: AlgorithmName = 'naive';

/** Float16 operands, float32 sums. */
export const halfAlgorithm: AlgorithmName = 'matrix';

/** Every algorithm but the plain one that this adapter can run; first those that GPUs are expected to take. */
export function algorithmsOf(device: Device): readonly AlgorithmName[] {
  const first: readonly AlgorithmName[] = ['tiled', halfAlgorithm];
  const others = gemmCores.filter((one) => one !== plainAlgorithm && !first.includes(one));
  return [...first, ...others].filter((one) => supportsCore(device, one));
}

/** Those that are worth timing, the plain one first: the compensated one is for tests. */
export function timedAlgorithms(device: Device): readonly AlgorithmName[] {
  return [plainAlgorithm, ...algorithmsOf(device)].filter((one) => one !== 'compensated');
}

/** Runs `fn`, which must not wait, with every product by one algorithm where that can; by the rules with null. */
export function onAlgorithm<T>(_device: Device, algorithm: AlgorithmName | null, fn: () => T): T {
  return algorithm === null ? fn() : withGemmCore(algorithm, fn);
}

/** As `onAlgorithm`. @returns also whether a kernel of the algorithm's own took part. */
export function servedBy<T>(
  device: Device,
  algorithm: AlgorithmName,
  fn: () => T,
): { result: T; served: boolean } {
  const own = sourceOf(algorithm);
  const { pipelines } = device;
  const get = pipelines.get;
  let served = false;
  pipelines.get = (source) => {
    if (own && source.files.some((file) => own.test(file))) served = true;
    return get.call(pipelines, source);
  };
  try {
    return { result: onAlgorithm(device, algorithm, fn), served };
  } finally {
    pipelines.get = get;
  }
}

/** How far an algorithm may be from the plain one, relative to the largest magnitude, in sums of `terms` terms. */
export function allowedDifference(algorithm: AlgorithmName, terms: number): number {
  return (allowedUnits(algorithm, terms, false) + allowedUnits(plainAlgorithm, terms, false)) * 2 ** -24;
}

/** As `onAlgorithm`, until the promise is settled. */
export async function onAlgorithmThroughout<T>(
  _device: Device,
  algorithm: AlgorithmName | null,
  fn: () => Promise<T>,
): Promise<T> {
  forceGemmCore(algorithm);
  try {
    return await fn();
  } finally {
    forceGemmCore(null);
  }
}

/** The golden cases of a file, their products by one algorithm, or by the rules with null. */
export function goldenFamily(
  device: Device,
  path: string,
  algorithm: AlgorithmName | null,
): Promise<FamilyResult> {
  return onAlgorithmThroughout(device, algorithm, () => runFamily(device, openGoldenFile(path), algorithm));
}

export interface Tuned {
  readonly key: string;
  /** Null for what the rules take. */
  readonly algorithm: string | null;
  /** Its time over that of the rules'. */
  readonly ratio: number;
  readonly wrong: readonly { readonly algorithm: string; readonly difference: number }[];
}

/** Tunes the problems of some work for so many seconds. */
export async function tuned(
  device: Device,
  work: () => void,
  seconds: number,
): Promise<{ problems: readonly Tuned[]; left: number }> {
  const { problems, left } = await tune(device, work, { seconds });
  return {
    left,
    problems: problems.map(({ key, core, ratio, wrong }) => ({
      key,
      algorithm: core,
      ratio,
      wrong: wrong.map((one) => ({ algorithm: one.core, difference: one.difference })),
    })),
  };
}

export { getChoices, setChoices };
