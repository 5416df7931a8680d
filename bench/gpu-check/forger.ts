// What the stages use of the library's inner side, in one place: devices with rules to order, products forced onto one
// algorithm each, what tests know of each algorithm, and the tuner.
import { createDevice, type Device, type Precision } from '@forger/tensor';
import { algorithms, allowedUnits, getChoices, plainSums, setChoices, tune } from '@forger/tensor/internal';
import { openGoldenFile } from '../../test/golden/cases.ts';
import { type FamilyResult, runFamily } from '../../test/golden/ops.ts';
import { sourcesOf } from '../../test/verify/variants.ts';
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
export type AlgorithmName = string;

/** The plain algorithm, which the others are held to. */
export const plainAlgorithm: AlgorithmName = 'naive';

/** Float16 operands, float32 sums. */
export const halfAlgorithm: AlgorithmName = 'subgroup-matrix';

/** Every algorithm but the plain one that this adapter can run; first those that GPUs are expected to take. */
export function algorithmsOf(device: Device): readonly AlgorithmName[] {
  const first: readonly AlgorithmName[] = ['tiled', halfAlgorithm];
  const able = algorithms.filter((one) => one.name !== plainAlgorithm && one.runsOn(device));
  const names = able.map(({ name }) => name);
  return [...first.filter((name) => names.includes(name)), ...names.filter((name) => !first.includes(name))];
}

/** Those that are worth timing, the plain one first: the compensated one is for tests. */
export function timedAlgorithms(device: Device): readonly AlgorithmName[] {
  return [plainAlgorithm, ...algorithmsOf(device)].filter((one) => one !== 'compensated');
}

/** Runs `fn`, which must not wait, with every product by one algorithm where that can; by the rules with null. */
export function onAlgorithm<T>(device: Device, algorithm: AlgorithmName | null, fn: () => T): T {
  return algorithm === null ? fn() : device.withAlgorithm(algorithm, fn);
}

/** As `onAlgorithm`. @returns also whether a kernel of the algorithm's own took part. */
export function servedBy<T>(
  device: Device,
  algorithm: AlgorithmName,
  fn: () => T,
): { result: T; served: boolean } {
  const own = sourcesOf(algorithm);
  const { pipelines } = device;
  const get = pipelines.get;
  let served = false;
  pipelines.get = (source) => {
    if (own && source.files.some((file) => own.includes(file))) served = true;
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
  const bound = algorithms.find(({ name }) => name === algorithm) ?? plainSums;
  return (allowedUnits(bound, terms) + allowedUnits(plainSums, terms)) * 2 ** -24;
}

/** The same between an algorithm and what the rules take, which may be any that computes in float32. */
export function allowedFromRules(algorithm: AlgorithmName, terms: number): number {
  const float32 = algorithms.filter(({ name }) => name !== halfAlgorithm);
  return Math.max(
    ...float32.map(({ name }) => allowedDifference(name, terms)),
    allowedDifference(algorithm, terms),
  );
}

/** As `onAlgorithm`, until the promise is settled. */
export async function onAlgorithmThroughout<T>(
  device: Device,
  algorithm: AlgorithmName | null,
  fn: () => Promise<T>,
): Promise<T> {
  device.forceAlgorithm(algorithm);
  try {
    return await fn();
  } finally {
    device.forceAlgorithm(null);
  }
}

/** The golden cases of a file, their products by one algorithm, or by the rules with null. */
export function goldenFamily(
  device: Device,
  path: string,
  algorithm: AlgorithmName | null,
): Promise<FamilyResult> {
  const found = algorithms.find(({ name }) => name === algorithm) ?? null;
  return onAlgorithmThroughout(device, algorithm, () => runFamily(device, openGoldenFile(path), found));
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
    problems: problems.map(({ key, algorithm, ratio, wrong }) => ({
      key,
      algorithm,
      ratio,
      wrong,
    })),
  };
}

export { getChoices, setChoices };
