// Training from captured steps gives the same bits as from steps that are recorded anew each time: for steps of one
// kind, alternating ones, ones that a loss decides, batches of other sizes, schedules, and across a resume.

import {
  type AnyTask,
  defineTask,
  drawLatents,
  findRecipe,
  type GanInputs,
  type GanNetworks,
  type GanOptimizers,
  type StepContext,
  StepRunner,
  type StepValues,
  TrainState,
} from '@forger/dcgan';
import { bce, type LoadReport, loadStateDict, readStateDict } from '@forger/nn';
import {
  backward,
  type Device,
  mean,
  noGrad,
  type SafetensorsEntry,
  type Tensor,
  zeros,
} from '@forger/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const quick = findRecipe('quick');
const sizes = { imageSize: 16, width: 4, channels: 1, latentSize: 8 };

/** The context of the parts below, which are of tasks with the networks and inputs of `quick`. */
type Context = StepContext<GanNetworks, GanOptimizers, GanInputs>;

const drawFor = (t: Context): Tensor =>
  drawLatents(quick.gan.latent, t.sizes.latentSize, t.inputs.real.shape[0]!, t.rng);

/** The discriminator's loss and gradients, without an update. */
function discriminatorGradients(t: Context) {
  const { networks, optimizers, inputs } = t;
  optimizers.discriminator.zeroGrad();
  const fake = noGrad(() => networks.generator.forward(drawFor(t)));
  const onReal = networks.discriminator.forward(inputs.real);
  const onFake = networks.discriminator.forward(fake);
  const lossD = bce(onReal, 1).add(bce(onFake, 0));
  backward(lossD);
  return noGrad(() => ({ lossD: lossD.detach(), dReal: mean(onReal), dFake: mean(onFake) }));
}

function updateGenerator(t: Context) {
  const { networks, optimizers } = t;
  optimizers.generator.zeroGrad();
  networks.discriminator.requiresGrad_(false);
  const lossG = bce(networks.discriminator.forward(networks.generator.forward(drawFor(t))), 1);
  backward(lossG);
  networks.discriminator.requiresGrad_(true);
  optimizers.generator.step();
  return { lossG: lossG.detach() };
}

const { build, optimizers, fixed, preview } = quick;
/** The networks of `quick`, to be trained in parts of one's own. */
const base = { inputs: { real: { field: 'image' } }, build, optimizers, fixed, preview } as const;

const alternating = defineTask({
  ...base,
  name: 'alternating',
  parts: {
    generator: updateGenerator,
    discriminator: (t: Context) => {
      const result = discriminatorGradients(t);
      t.optimizers.discriminator.step();
      return result;
    },
  },
  schedule: ({ stepsDone, done }) => {
    if (done.length > 0) return undefined;
    return stepsDone % 2 === 0 ? 'generator' : 'discriminator';
  },
  learningRates: ({ rates, stepsDone }) => ({
    generator: rates.generator! / (1 + stepsDone),
    discriminator: rates.discriminator! / (1 + stepsDone),
  }),
});

/** Trains the discriminator only while its loss is above 1.3; every step ends with the generator. */
const threshold = 1.3;
const byLoss = defineTask({
  ...base,
  name: 'by-loss',
  parts: {
    discriminator: discriminatorGradients,
    update: ({ optimizers }: Context) => {
      optimizers.discriminator.step();
      return {};
    },
    generator: updateGenerator,
  },
  scheduleReadsMetrics: true,
  schedule: ({ done, metrics }) => {
    if (done.length === 0) return 'discriminator';
    if (done.at(-1) === 'discriminator' && metrics.lossD! > threshold) return 'update';
    return done.at(-1) === 'generator' ? undefined : 'generator';
  },
});

interface Trained {
  readonly values: StepValues[];
  readonly state: Map<string, SafetensorsEntry>;
}

/** Trains steps on batches of the given sizes, going over to a new state and runner before step `resumeAt`. */
async function trained(
  task: AnyTask,
  batches: readonly number[],
  { eager = false, resumeAt = -1 } = {},
): Promise<Trained> {
  const open = () => new TrainState(task, { sizes, lr: 0.002, seed: 5, device });
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
    values.push((await runner.step({ real: pixels })).values);
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
  expect(() => state.step({ real: zeros([1, 1, 16, 16], { device }) })).toThrow('use a StepRunner');
  state.dispose();
});
