// `forger doctor`: this machine's adapter and driver, a self-test, and what to fix.

import { createRequire } from 'node:module';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { type AdapterReport, createDevice, type Device, DeviceError, matmul, tensor } from '@forger/tensor';
import { messageFor } from './errors.ts';
import { tableLines } from './table.ts';
import { version } from './version.ts';

interface SelfTest {
  /** Whether every element is as close to the product in float64 as rounding allows. */
  passed: boolean;
  /** Largest absolute difference. */
  error: number;
  milliseconds: number;
}

const LIMITS_SHOWN = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
] as const;

const SOFTWARE_ADVICE =
  'Training runs on the processor: results are right, but it is slow. If this machine has a GPU, its Vulkan driver was not found: ' +
  "install NVIDIA's driver, or `mesa-vulkan-drivers` for AMD and Intel; in a container, pass the GPU in " +
  '(`--gpus all` with NVIDIA_DRIVER_CAPABILITIES=all, or `--device /dev/dri`).';

/** @returns 0 when all is well, 1 when training would fail. */
export async function runDoctor(): Promise<number> {
  print('Machine', machineRows());
  let device: Device;
  try {
    device = await createDevice({ halfMatrices: true });
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    print('Adapter', [['found', 'none']]);
    conclude([messageFor(error, 'doctor'), ...environmentAdvice()]);
    return 1;
  }
  try {
    print('Adapter', adapterRows(device.adapter));
    const { passed, error, milliseconds } = await selfTest();
    print('Self-test', [
      ['matrix product', passed ? 'right' : 'WRONG'],
      ['largest error', error.toExponential(1)],
      ['time', `${milliseconds.toFixed(0)} ms, the kernel's compilation included`],
    ]);
    conclude([
      ...(passed ? [] : ['The adapter computes wrongly: update its driver before training with it.']),
      ...(device.adapter.software ? [SOFTWARE_ADVICE] : []),
    ]);
    return passed ? 0 : 1;
  } finally {
    device.destroy();
  }
}

// Environment variables that hide drivers.
function environmentAdvice(): string[] {
  const { FORGER_VULKAN, VK_DRIVER_FILES, VK_ICD_FILENAMES } = process.env;
  const drivers = VK_DRIVER_FILES ?? VK_ICD_FILENAMES;
  return [
    ...(FORGER_VULKAN === 'system'
      ? ['FORGER_VULKAN=system is set, which rules out the driver that the set-up fetched: unset it.']
      : []),
    ...(drivers === undefined
      ? []
      : [
          `VK_DRIVER_FILES or VK_ICD_FILENAMES allows no drivers but ${drivers}: unset it unless you meant that.`,
        ]),
  ];
}

function machineRows(): [string, string][] {
  const require = createRequire(import.meta.url);
  const gibibytes = (totalmem() / 2 ** 30).toFixed(0);
  return [
    ['forger', version],
    ['webgpu (Dawn)', require('webgpu/package.json').version],
    ['Node', process.version],
    ['system', `${process.platform} ${release()} ${process.arch}`],
    [
      'processor',
      `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} threads, ${gibibytes} GiB memory`,
    ],
  ];
}

function adapterRows(adapter: AdapterReport): [string, string][] {
  const { vendor, architecture, device, description, software, source, features, limits, subgroupSize } =
    adapter;
  const [least, most] = subgroupSize;
  return [
    ['name', [vendor, architecture, device].filter(Boolean).join(', ')],
    ['driver', description],
    ['kind', software ? 'software, on the processor' : 'hardware'],
    ['found in', source],
    ['subgroup size', least === most ? `${least}` : `${least} to ${most}`],
    ['mixed precision', halfMatrixText(adapter)],
    ['features', features.join(', ')],
    ...LIMITS_SHOWN.map((name): [string, string] => [name, limitText(name, limits[name])]),
  ];
}

// The matrices that --precision mixed would use.
function halfMatrixText({ halfMatrix }: AdapterReport): string {
  if (!halfMatrix) return 'no: it lists no products of float16 matrices summed in float32';
  const { m, n, k, lanes } = halfMatrix;
  return `yes, float16 matrices of ${m}×${k} and ${k}×${n} in subgroups of ${lanes}`;
}

function limitText(name: string, value: number | undefined): string {
  if (value === undefined) return 'unknown';
  if (!/Size$/.test(name)) return value.toLocaleString('en');
  return value < 2 ** 20 ? `${value / 2 ** 10} KiB` : `${Math.round(value / 2 ** 20)} MiB`;
}

/**
 * Multiplies two matrices on the device and in float64 here. Each of the K products and sums rounds by at most
 * half a unit in the last place of its running total, so the error is below K eps sum(|a| |b|), with eps = 2^-24
 * (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1).
 */
async function selfTest(): Promise<SelfTest> {
  const [rows, inner, columns] = [37, 129, 65];
  const a = Float32Array.from({ length: rows * inner }, (_, i) => Math.sin(i));
  const b = Float32Array.from({ length: inner * columns }, (_, i) => Math.cos(3 * i));
  const start = performance.now();
  const product = matmul(tensor(a, [rows, inner]), tensor(b, [inner, columns]));
  const result = await product.data();
  const milliseconds = performance.now() - start;
  let error = 0;
  let passed = true;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      let magnitude = 0;
      for (let k = 0; k < inner; k++) {
        const term = a[i * inner + k]! * b[k * columns + j]!;
        sum += term;
        magnitude += Math.abs(term);
      }
      const difference = Math.abs(result[i * columns + j]! - sum);
      error = Math.max(error, difference);
      passed &&= difference <= inner * 2 ** -24 * magnitude; // false for NaN
    }
  }
  return { passed, error, milliseconds };
}

function print(heading: string, rows: [string, string][]): void {
  console.log(`${heading}\n${tableLines(rows.map(([name, value]) => [`  ${name}`, value])).join('\n')}\n`);
}

function conclude(advice: string[]): void {
  console.log(advice.length === 0 ? 'All is well.' : advice.join('\n'));
}
