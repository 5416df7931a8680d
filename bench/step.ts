// Throughput of a full DCGAN training step: both networks, both updates.
import type { Device } from '@forger/tensor';
import type { BenchContext, Benchmark } from './benchmark.ts';
import { openStep, type StepSizes, showStep, stepOptions, stepSizes } from './dcgan.ts';

interface StepResult extends StepSizes {
  /** Steps that were timed, after the first two. */
  readonly steps: number;
  /** One step: median over the timed steps, least and most. */
  readonly milliseconds: number;
  readonly spread: readonly [number, number];
  readonly imagesPerSecond: number;
  /** Operations that the step's convolutions need over the time. */
  readonly gflops: number;
  /** The first step, with the compilation of every kernel. */
  readonly firstStepMilliseconds: number;
  readonly dispatchesPerStep: number;
  readonly deviceBytes: number;
}

async function benchStep(device: Device, sizes: StepSizes, steps: number): Promise<StepResult> {
  const { state, real, flop, dispose } = openStep(device, sizes);
  const one = async (): Promise<number> => {
    const start = performance.now();
    device.scope(() => void state.step(real));
    await device.sync();
    return performance.now() - start;
  };
  const firstStepMilliseconds = await one();
  await one();
  const before = device.recorder.dispatches;
  const times: number[] = [];
  for (let i = 0; i < steps; i++) times.push(await one());
  const dispatchesPerStep = (device.recorder.dispatches - before) / steps;
  times.sort((a, b) => a - b);
  const milliseconds = times[Math.floor(times.length / 2)]!;
  const deviceBytes = device.memory().peakBytes;
  dispose();
  return {
    ...sizes,
    steps,
    milliseconds,
    spread: [times[0]!, times.at(-1)!],
    imagesPerSecond: (1000 * sizes.batch) / milliseconds,
    gflops: flop / milliseconds / 1e6,
    firstStepMilliseconds,
    dispatchesPerStep,
    deviceBytes,
  };
}

async function run(context: BenchContext): Promise<object> {
  const sizes = stepSizes(context);
  const steps = context.whole('steps');
  const device = await context.device();
  const ceilings = await context.ceilings();
  const r = await benchStep(device, sizes, steps);
  const spread = r.spread.map((t) => t.toFixed(1)).join(' to ');
  const share = (100 * r.gflops) / ceilings.gflops;
  context.print(
    `step ${showStep(sizes)}: ${r.milliseconds.toFixed(1)} ms (${spread}), ${r.imagesPerSecond.toFixed(1)} images/s, ` +
      `${r.gflops.toFixed(2)} GFLOP/s (${share.toFixed(1)}% of the ceiling); first step ${r.firstStepMilliseconds.toFixed(0)} ms`,
  );
  return { ceilings, step: r };
}

export const step: Benchmark = {
  name: 'step',
  summary: 'a full DCGAN training step',
  options: { ...stepOptions, steps: { default: '10', help: 'steps to time' } },
  run,
};
