// Runs that are made to fail in each way that the diagnosis knows are named rightly, with numbers; healthy
// ones raise nothing.

import { type DiagnosisEvent, FINDINGS } from '@forger/dcgan';
import { type Device, mean, neg } from '@forger/tensor';
import { expect, test } from 'vitest';
import { useDevice } from '../../../../test/support/device.ts';
import { diagnosed, type SmallGan } from './small-gan.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

async function found(small: SmallGan): Promise<DiagnosisEvent[]> {
  const events = await diagnosed(device, small);
  for (const { kind, title, advice } of events) expect({ title, advice }).toEqual(FINDINGS[kind]);
  return events.filter(({ state }) => state === 'began');
}

const kinds = (events: readonly DiagnosisEvent[]): string[] => [...new Set(events.map(({ kind }) => kind))];

test.each<[string, SmallGan]>([
  ['of logits', { steps: 500 }],
  ['of a hinge loss', { steps: 400, options: { loss: 'hinge' } }],
  ['of a Wasserstein loss with a penalty', { steps: 400, options: { loss: 'wgan-gp' } }],
])('a healthy run %s raises nothing', async (_, small) => {
  expect(await diagnosed(device, small)).toEqual([]);
});

test('a generator that takes no notice of its latents has collapsed', async () => {
  const events = await found({ steps: 350, blind: true });
  expect(kinds(events)).toEqual(['collapse']);
  expect(events[0]).toMatchObject({ step: 300 });
  expect(events[0]!.evidence).toMatch(/^In the previews of steps 200 to 300: they vary 0 times as much as/);
});

test('against a generator that stands still the discriminator wins', async () => {
  const events = await found({ steps: 400, options: { gLr: 1e-12 } });
  expect(kinds(events)).toEqual(['discriminator-won']);
  expect(events[0]!.evidence).toMatch(
    /^Over steps \d+ to \d+ D\(x\) was (1|0\.99\d*) and D\(G\(z\)\) 0\.00\d+, loss D 0\.\d+ and loss G [4-9]\.\d+; the norm of the generator's gradient was \S+ at step \d+, at step 50 \S+\.$/,
  );
});

test('a discriminator that stands still has lost', async () => {
  const events = await found({ steps: 320, options: { dLr: 1e-12 } });
  // Nothing keeps the generator from the one image that it likes best.
  expect(kinds(events).sort()).toEqual(['collapse', 'discriminator-lost']);
  const lost = events.find(({ kind }) => kind === 'discriminator-lost');
  expect(lost!.evidence).toMatch(
    /^Over steps 111 to 310 D\(x\) was 0\.\d+ and D\(G\(z\)\) 0\.\d+: real images/,
  );
});

test('a weak discriminator and much momentum make the two oscillate', async () => {
  const momentum = { betas: [0.9, 0.999] } as const;
  const events = await found({ steps: 700, lr: 3e-3, discriminatorWidth: 8, adam: momentum });
  expect(kinds(events)).toContain('oscillation');
  const { evidence } = events.find(({ kind }) => kind === 'oscillation')!;
  expect(evidence).toMatch(
    /^Over steps \d+ to \d+ D\(\S+ went \d times between below 0\.2 and above 0\.6\.$/,
  );
});

test('a critic without a penalty explodes', async () => {
  const objective = () => ({
    title: 'Wasserstein',
    real: (scores: Parameters<typeof mean>[0]) => neg(mean(scores)),
    fake: (scores: Parameters<typeof mean>[0]) => mean(scores),
    generator: (scores: Parameters<typeof mean>[0]) => neg(mean(scores)),
    probability: (scores: Parameters<typeof mean>[0]) => scores,
    unit: 'score' as const,
  });
  const events = await found({ steps: 400, lr: 0.01, objective });
  expect(kinds(events)).toContain('exploding');
});

test('20 images are too few, and learned by heart', async () => {
  const events = await found({
    steps: 1000,
    images: 20,
    latentSize: 2,
    generatorWidth: 256,
    discriminatorWidth: 512,
    options: { loss: 'lsgan' },
  });
  expect(kinds(events)).toEqual(['few-images', 'memorisation']);
  expect(events[0]).toMatchObject({ step: 0, evidence: 'There are 20. A pass over them is 1 steps.' });
  expect(events[1]!.evidence).toMatch(/half of the images are [2-9]\.\d+ times as near to a training image/);
});
