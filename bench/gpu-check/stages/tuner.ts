// Stage 7: what the tuner chooses for the products of a training step, what each choice gains over the rules, and what
// the whole step gains.
import type { Device } from '@forger/tensor';
import { openStep, type StepSizes, showStep } from '../../dcgan.ts';
import { getChoices, setChoices, tuned } from '../forger.ts';
import type { StageContext } from '../stage.ts';
import { stepCases } from '../step-cases.ts';
import { once } from '../timing.ts';

/** A step of A that takes longer than this, in milliseconds, is of an adapter that D would keep busy for minutes. */
const SLOW = 30;
/** Of the time, what tuning may take. */
const SHARE = 0.7;
const ROUNDS = 7;

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

function stepOf(device: Device, sizes: StepSizes) {
  const { state, real, dispose } = openStep(device, sizes);
  return { run: () => void state.step({ real }), dispose };
}

/** Milliseconds of a replayed step by the rules and by choices, in turn. */
async function wholeStep(device: Device, sizes: StepSizes): Promise<{ rules: number; chosen: number }> {
  const choices = getChoices(device);
  const capture = (by: Readonly<Record<string, string>>) => {
    setChoices(device, by);
    const step = stepOf(device, sizes);
    return { plan: device.capture(step.run), dispose: step.dispose };
  };
  const both = [capture({}), capture(choices)] as const;
  await device.sync();
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { plan }] of both.entries()) {
      const start = performance.now();
      plan.replay();
      await device.sync();
      times[i]!.push(performance.now() - start);
    }
  }
  for (const { plan, dispose } of both) {
    plan.dispose();
    dispose();
  }
  return { rules: median(times[0]), chosen: median(times[1]) };
}

export async function tuner(context: StageContext): Promise<void> {
  const device = await context.open();
  try {
    const small = stepOf(device, stepCases.A);
    const milliseconds = await once(device, small.run);
    small.dispose();
    const name = milliseconds > SLOW ? 'A' : 'D';
    const sizes = stepCases[name];
    if (name === 'A') context.note(`Tuned for step A, ${showStep(sizes)}: this adapter is slow.`);
    const step = stepOf(device, sizes);
    const about = name === 'A' ? milliseconds : await once(device, step.run);
    const { problems, left } = await tuned(device, step.run, SHARE * context.left());
    step.dispose();
    if (left > 0) context.note(`No time was left for ${left} problems of step ${name}.`);
    for (const { key, algorithm, ratio, wrong } of problems) {
      const first = wrong[0];
      context.check(
        `candidates for ${key}`,
        !first,
        first
          ? `${first.algorithm} differs by ${first.difference.toExponential(1)}`
          : algorithm
            ? `${algorithm} takes ${(100 * ratio).toFixed(0)}% of the time of the rules'`
            : 'the rules are best',
      );
      context.figure(key, `${key}: ${algorithm ?? 'rules'} ${ratio.toFixed(2)}`, {
        key,
        algorithm,
        ratio,
        wrong,
      });
    }
    const better = problems.filter(({ algorithm }) => algorithm !== null).sort((a, b) => a.ratio - b.ratio);
    const told = better.map(({ algorithm, ratio }) => `${algorithm} ${ratio.toFixed(2)}`);
    context.figure(
      'choices',
      `tuner, ${name}: ${better.length} of ${problems.length} problems take another algorithm${told.length > 0 ? `, in this share of the time: ${told.join(', ')}` : ''}`,
      { choices: getChoices(device), left },
      true,
    );
    context.headline(`${better.length} of ${problems.length} problems take another algorithm`);
    if (better.length === 0) return;
    // Two captures, and a round of both for each time.
    if ((2 * (ROUNDS + 2) * about) / 1000 > context.left()) {
      context.note(`No time was left for step ${name} with what was chosen.`);
      return;
    }
    const { rules, chosen } = await wholeStep(device, sizes);
    const text = `step ${name} tuned: ${chosen.toFixed(2)} ms, by the rules ${rules.toFixed(2)} ms: ${(chosen / rules).toFixed(2)} of its time`;
    context.figure('tuned step', text, { rules, chosen, sizes }, true);
    context.headline(
      `${better.length} of ${problems.length} problems take another algorithm; the step takes ${(chosen / rules).toFixed(2)} of its time`,
    );
  } finally {
    device.destroy();
  }
}
