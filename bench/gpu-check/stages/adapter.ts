// Stage 1: what the adapter is and offers, and whether a dozen operations agree with float64 on it.
import { spawnSync } from 'node:child_process';
import type { Device } from '@forger/tensor';
import type { ReferenceOpName } from '../../../test/reference/index.ts';
import { checkAgainstFloat64 } from '../against-float64.ts';
import type { StageContext } from '../stage.ts';

const operations: readonly ReferenceOpName[] = [
  'matmul',
  'conv2d',
  'convTranspose2d',
  'linear',
  'batchNorm',
  'instanceNorm',
  'leakyRelu',
  'tanh',
  'exp',
  'sum',
  'softmax',
  'bceWithLogits',
];

/** Random calls of each operation. */
const CASES = 12;

/** Variables that decide which driver is found. */
const variables = /^(VK_|DRI_PRIME|MESA_|LIBGL_|CUDA_VISIBLE|NVIDIA_|LP_|FORGER_(VULKAN|VALIDATION|HALF))/;

/** What NVIDIA's own tool says, or null where there is none. */
function nvidia(): string | null {
  const query = '--query-gpu=name,driver_version,memory.total,power.limit,clocks.max.sm,clocks.sm';
  const { status, stdout } = spawnSync('nvidia-smi', [query, '--format=csv,noheader'], {
    encoding: 'utf8',
    timeout: 5000,
  });
  return status === 0 ? stdout.trim() : null;
}

function describe(context: StageContext, device: Device): void {
  const { adapter } = device;
  const { subgroupSize, subgroupMatrices, halfMatrix, limits } = adapter;
  const driver = nvidia();
  const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => variables.test(key)));
  context.figure(
    'driver',
    driver ?? 'nvidia-smi is not there',
    { driver, environment, adapter: { ...adapter, source: undefined } },
    driver !== null,
  );
  const mebibytes = (limit: string): string => `${Math.floor((limits[limit] ?? 0) / 2 ** 20)} MiB`;
  const offers = [
    `subgroups of ${subgroupSize.join(' to ')}`,
    ...(device.features.has('shader-f16') ? ['float16'] : ['no float16']),
    ...(device.features.has('timestamp-query') ? ['timestamps'] : ['no timestamps']),
    `${subgroupMatrices.length} kinds of small matrices`,
    halfMatrix ? `mixed precision by ${halfMatrix.m}×${halfMatrix.n}×${halfMatrix.k}` : 'no mixed precision',
    `${limits.maxComputeInvocationsPerWorkgroup} invocations, ${Math.floor((limits.maxComputeWorkgroupStorageSize ?? 0) / 1024)} KiB a workgroup`,
    `bindings of ${mebibytes('maxStorageBufferBindingSize')}`,
  ].join(', ');
  context.figure('offers', offers, { features: adapter.features, limits }, true);
  if (subgroupMatrices.length > 0) {
    const kinds = subgroupMatrices.map(
      ({ operand, result, m, n, k }) => `${operand}→${result} ${m}×${n}×${k}`,
    );
    context.figure('matrices', `small matrices: ${kinds.join(', ')}`, { subgroupMatrices });
  }
  if (driver !== null)
    context.check(
      'the GPU is used',
      !adapter.software,
      adapter.software
        ? `nvidia-smi finds ${driver}, but Vulkan offers a software adapter: is VK_DRIVER_FILES set to nvidia_icd.json?`
        : 'the adapter is hardware',
    );
  if (adapter.software) context.note('This is a software adapter: the processor computes everything.');
}

export async function adapter(context: StageContext): Promise<void> {
  const device = await context.open({ halfMatrices: true });
  try {
    describe(context, device);
    const variant = device.adapter.software ? 'software' : 'gpu';
    let right = 0;
    let longest = 0;
    for (const [i, op] of operations.entries()) {
      const before = context.left();
      if (before < longest) {
        context.note(`No time was left for ${operations.slice(i).join(', ')} against float64.`);
        break;
      }
      const { ok } = await checkAgainstFloat64(context, device, { op, variant, count: CASES, name: op });
      if (ok) right++;
      longest = Math.max(longest, before - context.left());
    }
    context.headline(`${right} of ${operations.length} operations agree with float64`);
  } finally {
    device.destroy();
  }
}
