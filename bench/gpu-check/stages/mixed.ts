// Stage 6: mixed precision where the adapter offers it: golden cases and losses within what float16 operands make of
// them, the same bits eager and replayed, and the step beside float32's.
import { showStep } from '../../dcgan.ts';
import { benchStep } from '../../step.ts';
import { firstDifference, trace } from '../bits.ts';
import { halfAlgorithm } from '../forger.ts';
import type { StageContext } from '../stage.ts';
import { stepCases } from '../step-cases.ts';
import { golden, ownGolden } from './correctness.ts';
import { trainAndCompare } from './training.ts';

/** Float16 operands round by 2^-11, some thousands of times as much as float32; sums keep less of it. */
const LOSS_FACTOR = 5;
const LOSS_STEPS = 60;

const TIMED_STEPS = 10;

export async function mixed(context: StageContext): Promise<void> {
  const probe = await context.open({ halfMatrices: true });
  const { halfMatrix, description } = probe.adapter;
  probe.destroy();
  if (!halfMatrix) {
    context.skip(`${description || 'this adapter'} lists no products of float16 matrices summed in float32`);
    return;
  }
  const told: string[] = [];
  const tell = (text: string): void => {
    told.push(text);
    context.headline(told.join(', '));
  };
  await context.attempt('golden cases in mixed precision', { precision: 'mixed' }, async (device) => {
    const cases = await golden(context, device, context.options.golden ?? ownGolden, halfAlgorithm);
    tell(`${cases} golden cases`);
  });
  await context.attempt('bits in mixed precision', { precision: 'mixed' }, async (device) => {
    const eager = await trace(device, stepCases.A, true);
    const apart = firstDifference(eager, await trace(device, stepCases.A, false));
    context.check(
      'eager = captured = replayed, mixed',
      apart === null,
      apart === null ? 'the same bits in all arrays and losses over 3 steps' : `${apart} differs`,
    );
  });
  await context.attempt('losses in mixed precision', { precision: 'mixed' }, async (device) => {
    const seconds = context.left() / 2;
    const run = { name: 'quick', seconds, steps: LOSS_STEPS, factor: LOSS_FACTOR, grid: true } as const;
    const { steps } = await trainAndCompare(context, device, run);
    tell(`${steps} steps of quick`);
  });
  let perFlop = 0;
  for (const name of ['A', 'C', 'D'] as const) {
    const sizes = stepCases[name];
    const pixels = sizes.batch * sizes.size ** 2 * sizes.width ** 2;
    if ((4 * TIMED_STEPS * perFlop * pixels) / 1000 > context.left()) {
      context.note(`No time was left for step ${name} in mixed precision, ${showStep(sizes)}.`);
      continue;
    }
    await context.attempt(`step ${name} in mixed precision`, {}, async (plain) => {
      const before = await benchStep(plain, sizes, TIMED_STEPS);
      await context.attempt(`step ${name} in mixed precision`, { precision: 'mixed' }, async (half) => {
        const after = await benchStep(half, sizes, TIMED_STEPS);
        perFlop = Math.max(perFlop, Math.max(before.milliseconds, after.milliseconds) / pixels);
        const times = (before.milliseconds / after.milliseconds).toFixed(2);
        const text = `${name} in mixed precision: ${after.milliseconds.toFixed(2)} ms, float32 ${before.milliseconds.toFixed(2)} ms: ${times}× as fast`;
        context.figure(`mixed step ${name}`, text, { mixed: after, float32: before }, true);
        tell(`${name} ${times}× as fast`);
      });
    });
  }
}
