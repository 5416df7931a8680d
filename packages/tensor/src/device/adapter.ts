// What an adapter says of itself, for `forger doctor`, benchmarks and the choice of kernels, and what devices ask of it.
import { DeviceError } from '../errors.ts';

/** What an adapter offers, as plain data. */
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
}

/** Reads an adapter's description; `source` says which driver it came from. */
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
  };
}

const wantedFeatures: GPUFeatureName[] = ['shader-f16', 'timestamp-query', 'subgroups'];

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

/** Opens a device on an adapter; `source` is as of `reportOf`. Throws DeviceError when it gives none. */
export async function deviceOf(adapter: GPUAdapter, source: string): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice(wantedOf(adapter));
  } catch (cause) {
    const line = (cause as Error).message.split('\n')[0];
    throw new DeviceError(`The adapter of ${source} gives no device: ${line}`, { cause });
  }
}

/** What a device asks an adapter for: features that kernels use where they exist, and limits as high as they go. */
function wantedOf(adapter: GPUAdapter): GPUDeviceDescriptor {
  const requiredLimits: Record<string, number> = {};
  for (const name of raisedLimits) requiredLimits[name] = adapter.limits[name];
  return { requiredFeatures: wantedFeatures.filter((name) => adapter.features.has(name)), requiredLimits };
}
