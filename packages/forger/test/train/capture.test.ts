// Training from captured steps gives the same bits as from steps that are recorded anew each time: for steps of one
// kind, alternating ones, ones that a loss decides, batches of other sizes, schedules, and across a resume.

import {
  findRecipe,
  type Recipe,
  type StepContext,
  StepRunner,
  type StepValues,
  TrainState,
} from '@forger/dcgan';
import { bce, type LoadReport, loadStateDict, readStateDict } from '@forger/nn';
import { backward, createDevice, type Device, mean, noGrad, type SafetensorsEntry } from '@forger/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkpointBytes, runTraining, tiny } from './helpers.ts';

let device: Device;
beforeAll(async () => {
  device = await createDevice();
});
afterAll(() => device.destroy());

const quick = findRecipe('quick');
const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: 8 };

/** The discriminator's loss and gradients, without an update. */
function judge({ generator, discriminator, optimizers, real, drawLatent }: StepContext) {
  optimizers.discriminator.zeroGrad();
  const fake = noGrad(() => generator.forward(drawLatent()));
  const onReal = discriminator.forward(real);
  const onFake = discriminator.forward(fake);
  const lossD = bce(onReal, 1).add(bce(onFake, 0));
  backward(lossD);
  return noGrad(() => ({ lossD: lossD.detach(), dReal: mean(onReal), dFake: mean(onFake) }));
}

function updateGenerator({ generator, discriminator, optimizers, drawLatent }: StepContext) {
  optimizers.generator.zeroGrad();
  discriminator.requiresGrad(false);
  const lossG = bce(discriminator.forward(generator.forward(drawLatent())), 1);
  backward(lossG);
  discriminator.requiresGrad(true);
  optimizers.generator.step();
  return { lossG: [lossG.detach()] };
}

/** A step of parts: what each does. */
function withParts(parts: Record<string, Recipe['step']>, rest: Partial<Recipe>): Recipe {
  return { ...quick, step: (context) => parts[context.part]!(context), ...rest };
}

const alternating = withParts(
  {
    generator: updateGenerator,
    discriminator: (context) => {
      const result = judge(context);
      context.optimizers.discriminator.step();
      return result;
    },
  },
  {
    nextPart: ({ stepsDone, done }) => {
      if (done.length > 0) return undefined;
      return stepsDone % 2 === 0 ? 'generator' : 'discriminator';
    },
    beforeStep: ({ optimizers, rates, stepsDone }) => {
      for (const network of ['generator', 'discriminator'] as const)
        optimizers[network].lr = rates[network] / (1 + stepsDone);
    },
  },
);

/** Trains the discriminator only while its loss is above 1.3; every step ends with the generator. */
const threshold = 1.3;
const byLoss = withParts(
  {
    judge,
    update: ({ optimizers }) => {
      optimizers.discriminator.step();
      return {};
    },
    generator: updateGenerator,
  },
  {
    decidesByLoss: true,
    nextPart: ({ done, losses }) => {
      if (done.length === 0) return 'judge';
      if (done.at(-1) === 'judge' && losses.lossD! > threshold) return 'update';
      return done.at(-1) === 'generator' ? undefined : 'generator';
    },
  },
);

interface Trained {
  readonly values: StepValues[];
  readonly state: Map<string, SafetensorsEntry>;
}

/** Trains steps on batches of the given sizes, going over to a new state and runner before step `resumeAt`. */
async function trained(
  recipe: Recipe,
  batches: readonly number[],
  { eager = false, resumeAt = -1 } = {},
): Promise<Trained> {
  const open = () => new TrainState(recipe, { sizes, lr: 0.002, seed: 5, device });
  let state = open();
  let runner = new StepRunner(state, { eager });
  const values: Promise<StepValues>[] = [];
  for (const [i, count] of batches.entries()) {
    if (i === resumeAt) {
      const saved = await readStateDict(state.stateDict());
      runner.dispose();
      state.dispose();
      state = open();
      state.stepsDone = i;
      const report: LoadReport = loadStateDict('a test', state.stateDict(), saved);
      expect(report).toEqual({ missing: [], unexpected: [] });
      runner = new StepRunner(state, { eager });
    }
    const pixels = Float32Array.from({ length: count * 256 }, (_, k) => Math.sin(k * (i + 1)));
    values.push((await runner.step(pixels)).values);
    pixels.fill(Number.NaN); // the runner has its own copy by now
  }
  const found = { values: await Promise.all(values), state: await readStateDict(state.stateDict()) };
  runner.dispose();
  state.dispose();
  return found;
}

const eight = [8, 8, 8, 8, 8, 8, 8];

describe.each([
  ['one kind', quick, eight],
  ['batches of other sizes', quick, [8, 8, 5, 8, 5, 8, 3]],
  ['alternating parts and a schedule', alternating, eight],
  ['parts that a loss decides', byLoss, eight],
])('steps of %s', (_, recipe, batches) => {
  let eager: Trained;
  beforeAll(async () => {
    eager = await trained(recipe, batches, { eager: true });
  });

  test('give the same bits captured', async () => {
    expect(await trained(recipe, batches)).toEqual(eager);
  });

  test('give the same bits when resumed in the middle', async () => {
    expect(await trained(recipe, batches, { resumeAt: 3 })).toEqual(eager);
  });

  test('train', () => {
    const changed = (name: string): boolean =>
      (eager.state.get(`optimizer.${name}.main.0.weight.step`)!.data[0] as number) > 0;
    expect([changed('generator'), changed('discriminator')]).toEqual([true, true]);
    expect(eager.values.every((v) => Object.values(v).every(Number.isFinite))).toBe(true);
  });
});

test('each step measures what its parts compute', async () => {
  const { values } = await trained(alternating, eight);
  expect(values.map((v) => Object.keys(v).sort().join())).toEqual(
    eight.map((_, i) => (i % 2 === 0 ? 'lossG' : 'dFake,dReal,lossD')),
  );
});

test('a loss decides: above the threshold the discriminator learns, below it does not', async () => {
  const { values, state } = await trained(byLoss, eight);
  const above = values.filter(({ lossD }) => lossD! > threshold).length;
  expect(above).toBeGreaterThan(0);
  expect(above).toBeLessThan(values.length);
  expect(state.get('optimizer.discriminator.main.0.weight.step')!.data[0]).toBe(above);
  expect(state.get('optimizer.generator.main.0.weight.step')!.data[0]).toBe(values.length);
});

test('without a runner, steps that a loss decides are refused', () => {
  const state = new TrainState(byLoss, { sizes, lr: 0.002, seed: 5, device });
  expect(() => state.step(state.drawLatent(1))).toThrow('use a StepRunner');
  state.dispose();
});

test('a run gives the same checkpoint eagerly, captured, and half of each', async () => {
  const captured = await runTraining(tiny);
  const eager = await runTraining(tiny, { eager: true });
  expect(eager.told.notes).toEqual([]);
  expect(checkpointBytes(eager.dir, 6).equals(checkpointBytes(captured.dir, 6))).toBe(true);
  expect(eager.told.steps.map(({ lossG }) => lossG)).toEqual(captured.told.steps.map(({ lossG }) => lossG));
  const half = await runTraining({ ...tiny, steps: 3 }, { eager: true });
  await runTraining(tiny, { resume: half.dir });
  expect(checkpointBytes(half.dir, 6).equals(checkpointBytes(captured.dir, 6))).toBe(true);
});
