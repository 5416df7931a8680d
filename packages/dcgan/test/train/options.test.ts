// The options that every recipe takes: what each does to losses, networks, turns and rates, and that every
// recipe trains with them. Whole runs with them are in packages/forger/test/train/same-bits.test.ts.

import {
  findRecipe,
  LOSSES,
  type Recipe,
  recipes,
  StepRunner,
  type StepValues,
  type TrainingOptions,
  TrainState,
} from '@forger/dcgan';
import { ConfigError, type Device, readAll, tensor } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const sizes = { imageSize: 16, width: 8, channels: 1, latentSize: 6 };
const batch = 4;

function open(recipe: Recipe, options: TrainingOptions, lr = 1e-3): TrainState<Recipe> {
  return new TrainState(recipe.withOptions(options), { sizes, lr, seed: 3, device });
}

/** Values of some captured steps, and how often each network was updated. */
async function trained(recipe: Recipe, options: TrainingOptions, steps: number) {
  const state = open(recipe, options);
  const runner = new StepRunner(state);
  const values: StepValues[] = [];
  for (let i = 0; i < steps; i++) {
    const pixels = Float32Array.from({ length: batch * 256 }, (_, k) => Math.sin(k * (i + 1)) / 2 + 0.5);
    values.push(await (await runner.step({ real: pixels })).values);
  }
  const { generator, discriminator } = state.optimizers;
  const counts = [generator, discriminator].map((optimizer) => [...optimizer.stateDict().values()][0]!);
  const [updatesG, updatesD] = (await readAll(counts)).map(([count]) => count!);
  runner.dispose();
  state.dispose();
  return { values, updatesG, updatesD };
}

const softplus = (y: number): number => Math.log1p(Math.exp(y));
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

/** the real, fake and generator losses of one logit, with a label for real images. */
const formulas: Record<keyof typeof LOSSES, ((y: number, label: number) => number)[]> = {
  bce: [(y, t) => softplus(y) - t * y, softplus, (y) => softplus(-y)],
  'non-saturating': [(y, t) => softplus(y) - t * y, softplus, (y) => softplus(-y)],
  lsgan: [(y, t) => (y - t) ** 2, (y) => y ** 2, (y) => (y - 1) ** 2],
  hinge: [(y) => Math.max(0, 1 - y), (y) => Math.max(0, 1 + y), (y) => -y],
  'wgan-gp': [(y) => -y, (y) => y, (y) => -y],
};

test.each(Object.entries(formulas))('the loss %s is its formula', async (name, [real, fake, generator]) => {
  const logits = [-2.5, -0.3, 0.4, 1.7];
  for (const label of [1, 0.9]) {
    const objective = LOSSES[name as keyof typeof LOSSES](label);
    const y = tensor(logits, [4, 1], { device });
    const found = await readAll([objective.real(y), objective.fake(y), objective.generator(y)]);
    for (const [i, formula] of [real!, fake!, generator!].entries()) {
      const expected = mean(logits.map((v) => formula(v, label)));
      // Some ten float32 roundings of values up to 6.
      expect(Math.abs(found[i]![0]! - expected)).toBeLessThan(3e-6);
    }
  }
});

describe.each(Object.values(recipes).map((recipe) => [recipe.name, recipe] as const))('%s', (_, recipe) => {
  test.each([
    ['as published', {}],
    ['with a Wasserstein loss, noise and spectral norm', { loss: 'wgan-gp', noise: 0.1, spectralNorm: true }],
    ['with hinge, an average and rates', { loss: 'hinge', ema: 0.9, dLr: 4e-3, gLr: 1e-3 }],
  ] as const)('trains %s', async (_title, options) => {
    const { values, updatesG, updatesD } = await trained(recipe, options, 4);
    const all = values.flatMap((step) => Object.values(step));
    expect(all.every(Number.isFinite)).toBe(true);
    expect(updatesG).toBeGreaterThan(0);
    expect(updatesD).toBeGreaterThan(0);
    expect(values.some(({ lossG }) => lossG !== undefined)).toBe(true);
    expect(values.some(({ lossD }) => lossD !== undefined)).toBe(true);
  });

  test('with n-dis updates its generator in the turns after', async () => {
    const own = await trained(recipe, {}, 6);
    const rare = await trained(recipe, { nDis: 2 }, 6);
    const alternates = ['elix', 'radford'].includes(recipe.name);
    expect(rare.updatesG! / own.updatesG!).toBe(alternates ? 2 / 3 : 1 / 2);
    // elix leaves its discriminator alone where it is good enough.
    if (recipe.name !== 'elix') expect(rare.updatesD! / own.updatesD!).toBe(alternates ? 4 / 3 : 1);
  });
});

test('a chosen loss takes the sigmoid off the discriminator, and noise comes before its first layer', () => {
  const names = (options: TrainingOptions, name = 'pytorch') => {
    const state = open(findRecipe(name), options);
    const { discriminator } = state.networks;
    const layers = discriminator.namedModules().map(([, module]) => module.describe());
    const keys = [...discriminator.stateDict().keys()];
    state.dispose();
    return { layers, keys };
  };
  const plain = names({});
  const changed = names({ loss: 'hinge', noise: 0.3 });
  expect(plain.layers.at(-1)).toBe('Sigmoid');
  expect(changed.layers.at(-1)).toBe('Conv2d 4×4 s1 p0');
  expect(changed.layers[1]).toBe('GaussianNoise 0.3');
  expect(changed.keys).toEqual(plain.keys);
  const wasserstein = names({ loss: 'wgan-gp' }, 'chainer');
  expect(wasserstein.layers.filter((layer) => layer.startsWith('BatchNorm'))).toEqual([]);
  expect(wasserstein.layers.filter((layer) => layer === 'GroupNorm 1')).toHaveLength(6);
  expect(wasserstein.keys).not.toContain('bn0_1.weight');
  expect(wasserstein.keys).toContain('bn0_1.bias');
  const chainer = names({ noise: 0.05 }, 'chainer').layers.filter((layer) => layer.startsWith('Gaussian'));
  expect(chainer).toEqual(new Array(8).fill('GaussianNoise 0.05'));
  expect(names({ spectralNorm: true }).keys).toContain('main.0.weight_orig');
});

test('rates are those of each network, else the run’s', () => {
  const rates = (options: TrainingOptions) => {
    const { optimizers } = open(findRecipe('quick'), options, 0.01);
    return [optimizers.generator.lr, optimizers.discriminator.lr];
  };
  expect(rates({})).toEqual([0.01, 0.01]);
  expect(rates({ dLr: 0.02 })).toEqual([0.01, 0.02]);
  expect(rates({ gLr: 0.03, dLr: 0.02 })).toEqual([0.03, 0.02]);
});

test.each(['hinge', 'wgan-gp'] as const)('labels that %s does not have cannot be smoothed', (loss) => {
  const smoothed = () => open(findRecipe('quick'), { loss, labelSmoothing: 0.1 });
  expect(smoothed).toThrow(ConfigError);
  expect(smoothed).toThrow(`Label smoothing of 0.1 was asked for with the loss ${loss}, which has no labels`);
});

test('elix trains its discriminator on even batches and updates it while its loss is above 0.1; radford begins with the generator', () => {
  const parts = (name: string, stepsDone: number, lossD: number, options: TrainingOptions = {}) => {
    const done: string[] = [];
    const schedule = findRecipe(name).withOptions(options).schedule!;
    for (let part = schedule({ stepsDone, done, metrics: {} }); part !== undefined; ) {
      done.push(part);
      part = schedule({ stepsDone, done: [...done], metrics: { lossD } });
    }
    return done;
  };
  expect(parts('elix', 0, 0.5)).toEqual(['discriminator', 'update']);
  expect(parts('elix', 2, 0.1)).toEqual(['discriminator']);
  expect(parts('elix', 3, 0.5)).toEqual(['generator']);
  expect(parts('elix', 2, -3, { loss: 'wgan-gp' })).toEqual(['discriminator', 'update']);
  expect([findRecipe('elix'), findRecipe('radford')].map((task) => task.scheduleReadsMetrics)).toEqual([
    true,
    undefined,
  ]);
  expect(parts('radford', 0, 0)).toEqual(['generator']);
  expect(parts('radford', 1, 0)).toEqual(['discriminator']);
});
