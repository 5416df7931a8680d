// Where the time of a DCGAN training step goes, kernel by kernel.
import { StepRunner } from '@forger/dcgan';
import { profileTable } from '@forger/tensor';
import type { BenchContext, Benchmark } from './benchmark.ts';
import { openStep, showStep, stepOptions, stepSizes } from './dcgan.ts';

/** Steps before, which compile and fill caches. */
const warmUp = 3;

async function run(context: BenchContext): Promise<object> {
  const sizes = stepSizes(context);
  const steps = context.whole('steps');
  const device = await context.device();
  const ceilings = await context.ceilings();
  const { state, real, dispose } = openStep(device, sizes);
  const pixels = await real.data();
  const runner = new StepRunner(state); // captured and replayed, as in training
  const one = async (): Promise<unknown> => (await runner.step({ real: pixels })).values;
  for (let i = 0; i < warmUp; i++) await one();
  const profile = await device.profile(async () => {
    for (let i = 0; i < steps; i++) await one();
  });
  runner.dispose();
  dispose();
  context.print(`step ${showStep(sizes)}`);
  for (const line of profileTable(profile, { ceilings, steps })) context.print(line);
  const { milliseconds, deviceMilliseconds, host, kernels } = profile;
  return { ceilings, ...sizes, steps, milliseconds, deviceMilliseconds, host, kernels };
}

export const profile: Benchmark = {
  name: 'profile',
  summary: 'the time of each kernel in a DCGAN training step, and the host time beside it',
  options: { ...stepOptions, steps: { default: '5', help: 'steps to profile' } },
  run,
};
