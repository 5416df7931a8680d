// Device memory of a DCGAN training step at its peak, over the least that a step needs: weights, gradients, moments,
// and the activations that its backward passes use.
import { createDevice, setDefaultDevice, type Tensor } from '@forger/tensor';
import { type BenchContext, type Benchmark, row } from './benchmark.ts';
import { type DcganStep, openStep, type StepSizes, showStep } from './dcgan.ts';

const cases: readonly StepSizes[] = [
  { size: 32, width: 32, channels: 1, batch: 64 },
  { size: 32, width: 64, channels: 1, batch: 64 },
  { size: 64, width: 64, channels: 3, batch: 16 },
];

const steps = 3;

/** Bytes. */
interface MemoryResult extends StepSizes {
  readonly mode: 'captured' | 'eager';
  readonly weights: number;
  readonly gradients: number;
  readonly moments: number;
  /** Made by a forward pass and used by a backward pass, at the moment when they are most. */
  readonly activations: number;
  /** The most that the device held at once, and how much of it is none of the above. */
  readonly peak: number;
  readonly rest: number;
  /** The peak over weights, gradients, moments and activations. */
  readonly ratio: number;
}

const bytesOf = (tensors: readonly Tensor[]): number => tensors.reduce((sum, { bytes }) => sum + bytes, 0);

function standing({ state }: DcganStep): Record<'weights' | 'gradients' | 'moments', number> {
  const { networks, optimizers } = state;
  const weights = bytesOf(Object.values(networks).flatMap((network) => network.parameters()));
  const states = Object.values(optimizers).flatMap((optimizer) => [...optimizer.stateDict()]);
  const moments = bytesOf(states.filter(([name]) => !name.endsWith('.step')).map(([, t]) => t));
  return { weights, gradients: weights, moments };
}

/** Both modes on a device of their own, whose peak is theirs alone. */
async function measure(sizes: StepSizes): Promise<MemoryResult[]> {
  let activations = 0;
  const results: MemoryResult[] = [];
  for (const mode of ['captured', 'eager'] as const) {
    const device = await createDevice();
    const opened = openStep(device, sizes);
    const step = () => opened.state.step({ real: opened.real });
    if (mode === 'captured') {
      const plan = device.capture(step);
      for (let i = 1; i < steps; i++) plan.replay();
      activations = plan.needs.keptForBackward;
    } else for (let i = 0; i < steps; i++) device.scope(() => void step());
    await device.sync();
    const parts = { ...standing(opened), activations };
    const needed = Object.values(parts).reduce((a, b) => a + b);
    const peak = device.memory().peakBytes;
    results.push({ ...sizes, mode, ...parts, peak, rest: peak - needed, ratio: peak / needed });
    device.destroy();
  }
  return results;
}

const widths = [44, 10, -9, -11, -9, -13, -7, -7, -7];

async function run(context: BenchContext): Promise<object> {
  const shared = await context.device();
  const names = ['weights', 'gradients', 'moments', 'activations', 'rest', 'peak'] as const;
  context.print('Device memory of a training step in 10⁶ bytes.');
  context.print(row(widths, ['step', '', ...names, 'ratio']));
  const results: MemoryResult[] = [];
  for (const sizes of cases) {
    for (const r of await measure(sizes)) {
      results.push(r);
      const cells = names.map((name) => (r[name] / 1e6).toFixed(1));
      context.print(row(widths, [showStep(sizes), r.mode, ...cells, r.ratio.toFixed(2)]));
    }
  }
  setDefaultDevice(shared);
  return { memory: results };
}

export const memory: Benchmark = {
  name: 'memory',
  summary: 'device memory of a DCGAN training step over what it cannot do without, captured and eager',
  run,
};
