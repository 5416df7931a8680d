// Throughput of a full DCGAN training step: both networks, both updates. As in training, the step is captured once and
// replayed; steps that are recorded anew each time are timed in turn with it.
import type { Device, Precision } from '@forger/tensor';
import type { BenchContext, Benchmark } from './benchmark.ts';
import { openStep, type StepSizes, showStep, stepLabel, stepOptions, stepSizes } from './dcgan.ts';
import { median } from './timing.ts';

export interface StepResult extends StepSizes {
  readonly precision: Precision;
  /** Steps that were timed, of each kind. */
  readonly steps: number;
  /** One replayed step: median over the timed steps, least and most. */
  readonly milliseconds: number;
  readonly spread: readonly [number, number];
  readonly imagesPerSecond: number;
  /** Operations that the step's convolutions need over the time. */
  readonly gflops: number;
  /** One step recorded anew, median. */
  readonly eagerMilliseconds: number;
  /** The first step: captured, its kernels compiled, run. */
  readonly firstStepMilliseconds: number;
  readonly dispatchesPerStep: number;
}

/** Times a step on a device: replayed and recorded anew, in turn. */
export async function benchStep(device: Device, sizes: StepSizes, steps: number): Promise<StepResult> {
  const { state, real, flop, dispose } = openStep(device, sizes);
  const timed = async (fn: () => void): Promise<number> => {
    const start = performance.now();
    fn();
    await device.sync();
    return performance.now() - start;
  };
  const begin = performance.now();
  const plan = device.capture(() => state.step({ real }));
  await device.sync();
  const firstStepMilliseconds = performance.now() - begin;
  await timed(() => plan.replay());
  const eager = (): void => device.scope(() => void state.step({ real }));
  await timed(eager);
  const replays: number[] = [];
  const eagers: number[] = [];
  for (let i = 0; i < steps; i++) {
    replays.push(await timed(() => plan.replay()));
    eagers.push(await timed(eager));
  }
  const dispatchesPerStep = plan.dispatches;
  plan.dispose();
  dispose();
  const milliseconds = median(replays);
  return {
    ...sizes,
    precision: device.precision,
    steps,
    milliseconds,
    spread: [Math.min(...replays), Math.max(...replays)],
    imagesPerSecond: (1000 * sizes.batch) / milliseconds,
    gflops: flop / milliseconds / 1e6,
    eagerMilliseconds: median(eagers),
    firstStepMilliseconds,
    dispatchesPerStep,
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
    `step ${showStep(sizes)}, ${r.precision}: ${r.milliseconds.toFixed(1)} ms (${spread}), ${r.imagesPerSecond.toFixed(1)} images/s, ` +
      `${r.gflops.toFixed(2)} GFLOP/s (${share.toFixed(1)}% of the ceiling); eager ${r.eagerMilliseconds.toFixed(1)} ms; first step ${r.firstStepMilliseconds.toFixed(0)} ms; ` +
      `${r.dispatchesPerStep} dispatches`,
  );
  return { ceilings, step: r };
}

export const step: Benchmark = {
  name: 'step',
  summary: 'a full DCGAN training step',
  options: {
    ...stepOptions,
    steps: { default: '10', help: 'steps to time' },
    precision: { default: 'float32', help: 'or mixed: large products in float16, where the adapter can' },
  },
  label: (context) => stepLabel(stepSizes(context)) + (context.text('precision') === 'mixed' ? '-mixed' : ''),
  run,
};
