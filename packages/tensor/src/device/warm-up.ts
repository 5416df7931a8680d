// Compiles the kernels that a dry run met before they are needed, as many at once as the machine can.
//
// Dawn compiles pipelines in its own threads; on a GPU that is all. llvmpipe, Mesa's software driver,
// generates machine code only at a kernel's first dispatch, in the one thread of the device's queue. That
// takes from a tenth of a second to several seconds. The code is then in a cache on disk, for all devices and
// later processes. So each kernel is dispatched once here, with one workgroup on scratch memory. Where the
// code is not in the cache yet, further devices are opened to share the work.

import type { FloatParam } from './command.ts';
import type { AbortSignal } from './globals.ts';
import type { DeviceParts } from './parts.ts';
import { type KernelSource, kernelCode } from './pipelines.ts';

/** A kernel that work will dispatch, and the parameters of one of its dispatches. */
export interface NeededKernel {
  readonly source: KernelSource;
  readonly params: readonly (number | FloatParam)[];
}

export interface WarmUpOptions {
  /** Called as kernels are done. */
  readonly onProgress?: (done: number, total: number) => void;
  /** After an abort no further kernel is started. */
  readonly signal?: AbortSignal;
}

interface Helpers {
  /** Opens another device with the same options. */
  readonly another: () => Promise<DeviceParts>;
  /** Most devices at once, including the one to warm up. */
  readonly devices: number;
}

/** A first dispatch that takes longer than this many milliseconds is compiling: cached code loads faster. */
const patience = 100;

/** Most kernels that are dispatched before a wait when their code comes from the cache. */
const mostAtOnce = 16;

/** Bytes of a scratch buffer. Reads and writes past the end are harmless: the driver checks each. */
const scratchBytes = 256;

/** Compiles `kernels` for `device`. Throws DeviceError when one does not compile. */
export async function warmUp(
  device: DeviceParts,
  kernels: readonly NeededKernel[],
  { another, devices, onProgress, signal }: WarmUpOptions & Helpers,
): Promise<void> {
  const missing = kernels.filter(({ source }) => !device.pipelines.has(source));
  if (missing.length === 0 || signal?.aborted) return;
  // All pipelines first: llvmpipe creates none while its queue is busy.
  await Promise.all(missing.map(({ source }) => device.pipelines.prepare(source)));
  if (!compilesAtFirstDispatch(device)) return;

  const waiting = missing.sort((a, b) => expectedCost(b.source) - expectedCost(a.source));
  const total = waiting.length;
  let done = 0;
  let over = false;
  const work = async (worker: DeviceParts): Promise<void> => {
    let share = 1;
    while (waiting.length > 0 && !over && !signal?.aborted) {
      const kernels = waiting.splice(0, share);
      const begun = performance.now();
      try {
        await Promise.all(kernels.map(({ source }) => worker.pipelines.prepare(source)));
        for (const kernel of kernels) dispatchOnScratch(worker, kernel);
        await worker.sync();
      } catch (error) {
        waiting.unshift(...kernels);
        throw error;
      }
      done += kernels.length;
      onProgress?.(done, total);
      // Cached code loads faster than a wait takes, so wait for several at once.
      share = performance.now() - begun < patience ? Math.min(2 * share, mostAtOnce) : 1;
    }
  };
  const helpers: Promise<void>[] = [];
  const help = setTimeout(() => {
    for (let i = 1; i < Math.min(devices, waiting.length); i++) helpers.push(helper(another, work));
    for (const promise of helpers) promise.catch(() => {});
  }, patience);
  try {
    await work(device);
    clearTimeout(help);
    await Promise.allSettled(helpers);
    await work(device); // the rest, if a helper's device was lost or could not be opened
  } finally {
    over = true;
    clearTimeout(help);
    await Promise.allSettled(helpers);
  }
}

async function helper(
  another: () => Promise<DeviceParts>,
  work: (device: DeviceParts) => Promise<void>,
): Promise<void> {
  const device = await another();
  try {
    await work(device);
  } finally {
    device.destroy();
  }
}

function compilesAtFirstDispatch({ adapter }: DeviceParts): boolean {
  return adapter.software && /llvmpipe/i.test(`${adapter.description} ${adapter.device}`);
}

/**
 * An estimate, to start with the slowest: products are unrolled in registers, other kernels go by the length
 * of their code.
 */
function expectedCost(source: KernelSource): number {
  return kernelCode(source).length + (source.subgroups ? 1e6 : 0);
}

function dispatchOnScratch(device: DeviceParts, { source, params }: NeededKernel): void {
  const { pool } = device;
  const items = source.bindings.map((access) =>
    access.startsWith('texture') ? pool.acquireTexture(1) : pool.acquire(scratchBytes),
  );
  const operands = items.map((item) =>
    'view' in item ? item : { buffer: item, offset: 0, bytes: scratchBytes },
  );
  device.dispatch(source, params, operands, [1, 1, 1]);
  for (const item of items) pool.release(item);
}
