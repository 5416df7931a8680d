// The recipes' networks against what was published: parameters, statistics and multiply-adds of every one, and what
// each recipe minimises with.

import { recipes, type Sizes } from '@forger/dcgan';
import { type Module, summarize } from '@forger/nn';
import { type Device, Rng } from '@forger/tensor';
import { expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

type Counts = [parameters: number, statistics: number, macs: number];

/** Of the generator and of the discriminator, at the published sizes or as said. */
const published: [string, Partial<Sizes>, Counts, Counts][] = [
  ['chainer', {}, [3_599_363, 17_280, 103_251_968], [5_862_657, 3_584, 215_687_168]],
  ['elix', {}, [2_118_016, 1_408, 87_441_408], [1_712_384, 1_280, 87_035_904]],
  ['paddle', {}, [13_487_745, 16_640, 33_747_456], [2_308_097, 2_304, 16_126_976]],
  ['d2l', {}, [3_576_704, 1_920, 104_628_224], [2_765_696, 1_920, 103_817_216]],
  ['pytorch', {}, [3_576_704, 1_920, 104_628_224], [2_765_568, 1_792, 103_817_216]],
  ['pytorch', { channels: 1 }, [3_574_656, 1_920, 102_531_072], [2_763_520, 1_792, 101_720_064]],
  ['notebook', {}, [12_672_768, 1_792, 410_583_040], [11_036_161, 3_584, 408_961_024]],
  ['notebook', { channels: 1 }, [12_668_672, 1_792, 406_388_736], [11_032_065, 3_584, 404_766_720]],
  ['vanilla', {}, [1_486_352, 0, 1_483_776], [1_460_225, 0, 1_458_432]],
  ['tensorflow', {}, [2_305_472, 25_472, 51_744_000], [212_865, 0, 10_355_072]],
  ['radford', {}, [18_885_760, 34_560, 640_614_400], [17_232_768, 3_584, 638_992_384]],
];

test.each(published)('%s %o', (name, changes, ...expected) => {
  const recipe = recipes[name]!;
  const { imageSize, width, channels } = recipe.defaults;
  const sizes = { imageSize, width, channels, latentSize: recipe.latentSize, ...changes };
  const { generator, discriminator } = device.scope(() => recipe.build(sizes, new Rng(0, { device })));
  const image = [sizes.channels, imageSize, imageSize];
  expect(generator.outputShape([sizes.latentSize, 1, 1])).toEqual(image);
  const count = (network: Module, input: number[]): Counts => {
    const rows = summarize(network, input);
    const total = (key: 'parameters' | 'buffers' | 'macs') => rows.reduce((sum, row) => sum + row[key], 0);
    return [total('parameters'), total('buffers'), total('macs')];
  };
  expect([count(generator, [sizes.latentSize, 1, 1]), count(discriminator, image)]).toEqual(expected);
  generator.dispose();
  discriminator.dispose();
});

test('optimizers are the published ones', () => {
  const settings = Object.fromEntries(
    Object.values(recipes).map(({ name, gan: { adam }, defaults: { lr, batchSize } }) => {
      const { betas, eps = 1e-8, weightDecay = 0 } = adam;
      return [name, [lr, ...betas!, eps, weightDecay, batchSize]];
    }),
  );
  expect(settings).toEqual({
    quick: [2e-4, 0.5, 0.999, 1e-8, 0, 64],
    pytorch: [2e-4, 0.5, 0.999, 1e-8, 0, 64],
    chainer: [2e-4, 0.5, 0.999, 1e-8, 1e-4, 50],
    tensorflow: [1e-4, 0.9, 0.999, 1e-8, 0, 256],
    d2l: [5e-3, 0.5, 0.999, 1e-8, 0, 256],
    paddle: [2e-4, 0.9, 0.999, 1e-8, 0, 128],
    elix: [1e-3, 0.9, 0.999, 1e-8, 0, 10],
    notebook: [2e-4, 0.5, 0.999, 1e-8, 0, 100],
    vanilla: [2e-4, 0.9, 0.999, 1e-8, 0, 100],
    radford: [2e-4, 0.5, 0.999, 1e-8, 1e-5, 128],
  });
});
