// Compiles the kernels that a dry run met before they are needed, as many at once as the machine can.
//
// Dawn compiles a pipeline in threads of its own, and on a GPU that is all. llvmpipe, Mesa's software driver, only
// prepares there: it turns a kernel into machine code, which takes it a tenth of a second to several seconds, at the
// first dispatch, in the one thread of the device's queue. It keeps the result on disk at once, for all devices and later
// processes. So here each kernel is dispatched once on scratch memory, one workgroup of it, and when this takes longer
// than reading from disk would, more devices are opened that share the list.
import type { Device, FloatParam } from './device.ts';
import { type KernelSource, kernelCode } from './pipelines.ts';

/** A kernel that work will dispatch, and the parameters of one of its dispatches. */
export interface NeededKernel {
  readonly source: KernelSource;
  readonly params: readonly (number | FloatParam)[];
}

export interface WarmUpOptions {
  /** Told as kernels are done. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Once aborted, no further kernel is begun. */
  readonly signal?: AbortSignal;
}

interface Helpers {
  /** Opens another device like the one to warm up. */
  readonly another: () => Promise<Device>;
  /** Devices at once, that one included. */
  readonly devices: number;
}

/** Milliseconds after which a first dispatch is compiling: machine code that lies on disk is there sooner. */
const patience = 100;

/** Kernels that are dispatched before a wait, when they come from disk. */
const mostAtOnce = 16;

/** Bytes of a scratch buffer. Reads and writes past the end are harmless: the driver checks each. */
const scratchBytes = 256;

/** Compiles `kernels` for `device`. Throws DeviceError when one does not compile. */
export async function warmUp(
  device: Device,
  kernels: readonly NeededKernel[],
  { another, devices, onProgress, signal }: WarmUpOptions & Helpers,
): Promise<void> {
  const missing = kernels.filter(({ source }) => !device.pipelines.has(source));
  if (missing.length === 0 || signal?.aborted) return;
  // All pipelines first: llvmpipe makes none while its queue is at work.
  await Promise.all(missing.map(({ source }) => device.pipelines.prepare(source)));
  if (!compilesAtFirstDispatch(device)) return;

  const waiting = missing.sort((a, b) => expectedCost(b.source) - expectedCost(a.source));
  const total = waiting.length;
  let done = 0;
  let over = false;
  const work = async (worker: Device): Promise<void> => {
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
      // What lies on disk is read faster than it is waited for one by one.
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
    await work(device); // what a helper left undone, which was lost or not to be had
  } finally {
    over = true;
    clearTimeout(help);
    await Promise.allSettled(helpers);
  }
}

async function helper(
  another: () => Promise<Device>,
  work: (device: Device) => Promise<void>,
): Promise<void> {
  const device = await another();
  try {
    await work(device);
  } finally {
    device.destroy();
  }
}

function compilesAtFirstDispatch({ adapter }: Device): boolean {
  return adapter.software && /llvmpipe/i.test(`${adapter.description} ${adapter.device}`);
}

/** A guess, to begin with what takes longest: products are unrolled into registers, others are as long as their code. */
function expectedCost(source: KernelSource): number {
  return kernelCode(source).length + (source.subgroups ? 1e6 : 0);
}

function dispatchOnScratch(device: Device, { source, params }: NeededKernel): void {
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
