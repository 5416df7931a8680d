// What an adapter offers, as a report for people, benchmarks and the choice of kernels; and the features and
// limits that devices request from it.

import { DeviceError } from '../errors.ts';
import type { GPUAdapter, GPUDevice } from './globals.ts';

/** The description, features and limits of an adapter, as plain data. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for a CPU implementation such as lavapipe or SwiftShader. */
  readonly software: boolean;
  readonly source: string;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  readonly subgroupSize: readonly [number, number];
  /** Sizes of small matrix products that a subgroup computes in one instruction; empty unless requested. */
  readonly subgroupMatrices: readonly SubgroupMatrix[];
  /** The one that kernels use, or null. */
  readonly halfMatrix: HalfMatrix | null;
}

/** A product of float16 matrices with float32 sums, and the lanes of the subgroup that computes it. */
export interface HalfMatrix extends SubgroupMatrix {
  readonly lanes: number;
}

/** A product of an m × k and a k × n matrix of type `operand`, with sums of type `result`. */
export interface SubgroupMatrix {
  readonly operand: string;
  readonly result: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** The names of Chromium's draft, which are not in WebGPU's types yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Describes an adapter. @param source the driver that it came from. */
export function reportOf(adapter: GPUAdapter, source: string): AdapterReport {
  const info = adapter.info;
  const limits: Record<string, number> = {};
  for (const key in adapter.limits) {
    const value = (adapter.limits as unknown as Record<string, unknown>)[key];
    if (typeof value === 'number') limits[key] = value;
  }
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    software: info.isFallbackAdapter || /llvmpipe|swiftshader/i.test(`${info.description} ${info.device}`),
    source,
    features: [...adapter.features].sort(),
    limits,
    subgroupSize: [info.subgroupMinSize ?? 0, info.subgroupMaxSize ?? 0],
    subgroupMatrices: subgroupMatricesOf(adapter),
    halfMatrix: halfMatrixOf(adapter),
  };
}

/**
 * The largest product of float16 matrices that divides the kernels' tiles; null if there is none, or if the
 * size of subgroups varies.
 */
function halfMatrixOf(adapter: GPUAdapter): HalfMatrix | null {
  const { features, info } = adapter;
  const lanes = info.subgroupMinSize;
  const usable = features.has('shader-f16') && features.has('subgroups') && lanes === info.subgroupMaxSize;
  if (!usable || lanes === undefined) return null;
  const size = ({ m, n, k }: SubgroupMatrix): number => m * n * k;
  const [largest] = subgroupMatricesOf(adapter)
    .filter(({ operand, result }) => operand === 'f16' && result === 'f32')
    .filter(({ m, n, k }) => Math.max(m, n, k) <= 16 && lanes >= 8 && lanes <= m * n)
    .sort((a, b) => size(b) - size(a));
  return largest ? { ...largest, lanes } : null;
}

function subgroupMatricesOf({ features, info }: GPUAdapter): SubgroupMatrix[] {
  if (!features.has(subgroupMatrixFeature)) return [];
  const { subgroupMatrixConfigs: configs = [] } = info as {
    subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
  };
  return Array.from(configs, ({ componentType, resultComponentType, M, N, K }) => ({
    operand: componentType,
    result: resultComponentType,
    m: M,
    n: N,
    k: K,
  }));
}

const subgroupMatrixFeature = 'chromium-experimental-subgroup-matrix' as GPUFeatureName;

const wantedFeatures: GPUFeatureName[] = [
  'shader-f16',
  'timestamp-query',
  'subgroups',
  subgroupMatrixFeature,
];

const raisedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
] as const;

/**
 * Opens a device on an adapter.
 * @param source as for `reportOf`.
 * @throws DeviceError when the adapter gives none.
 */
export async function deviceOf(adapter: GPUAdapter, source: string): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice(wantedOf(adapter));
  } catch (cause) {
    const line = (cause as Error).message.split('\n')[0];
    throw new DeviceError(`The adapter of ${source} gives no device: ${line}`, { cause });
  }
}

/**
 * The request for a device: the features that kernels can use, where the adapter has them, and its highest
 * limits.
 */
function wantedOf(adapter: GPUAdapter): GPUDeviceDescriptor {
  const requiredLimits: Record<string, number> = {};
  for (const name of raisedLimits) requiredLimits[name] = adapter.limits[name];
  return { requiredFeatures: wantedFeatures.filter((name) => adapter.features.has(name)), requiredLimits };
}
