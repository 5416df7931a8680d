// What the stages use of the library's inner side, in one place: devices with rules to order, products forced onto one
// core each, and what tests know of each core.
import { createDevice, type Device, type Precision } from '@forger/tensor';
import { forceGemmCore, type GemmCore, gemmCores, supportsCore, withGemmCore } from '@forger/tensor/internal';
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

/** A way to compute products: one core for all that it can serve. */
export type Core = GemmCore;

/** The plain core, which the others are held to. */
export const plainCore: Core = 'naive';

/** Float16 operands, float32 sums. */
export const halfCore: Core = 'matrix';

/** Every core but the plain one that this adapter can run; first those that GPUs are expected to take. */
export function coresOf(device: Device): readonly Core[] {
  const first: readonly Core[] = ['tiled', halfCore];
  const others = gemmCores.filter((core) => core !== plainCore && !first.includes(core));
  return [...first, ...others].filter((core) => supportsCore(device, core));
}

/** Cores that are worth timing: the compensated one is for tests. */
export function timedCores(device: Device): readonly Core[] {
  return [plainCore, ...coresOf(device)].filter((core) => core !== 'compensated');
}

/** Runs `fn`, which must not wait, with every product on one core where that can serve it; by the rules with null. */
export function onCore<T>(core: Core | null, fn: () => T): T {
  return core === null ? fn() : withGemmCore(core, fn);
}

/** As `onCore`. @returns also whether a kernel of the core's own took part. */
export function servedBy<T>(device: Device, core: Core, fn: () => T): { result: T; served: boolean } {
  const own = sourceOf(core);
  const { pipelines } = device;
  const get = pipelines.get;
  let served = false;
  pipelines.get = (source) => {
    if (own && source.files.some((file) => own.test(file))) served = true;
    return get.call(pipelines, source);
  };
  try {
    return { result: onCore(core, fn), served };
  } finally {
    pipelines.get = get;
  }
}

/** How far a core may be from the plain one, relative to the largest magnitude, in sums of `terms` terms. */
export function allowedDifference(core: Core, terms: number): number {
  return (allowedUnits(core, terms, false) + allowedUnits(plainCore, terms, false)) * 2 ** -24;
}

/** As `onCore`, until the promise is settled. */
export async function onCoreThroughout<T>(core: Core | null, fn: () => Promise<T>): Promise<T> {
  forceGemmCore(core);
  try {
    return await fn();
  } finally {
    forceGemmCore(null);
  }
}

/** The golden cases of a file, their products on one core, or by the rules with null. */
export function goldenFamily(device: Device, path: string, core: Core | null): Promise<FamilyResult> {
  return onCoreThroughout(core, () => runFamily(device, openGoldenFile(path), core));
}
