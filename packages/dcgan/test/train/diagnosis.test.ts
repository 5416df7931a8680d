// The rules of the diagnosis on series and images of known making: nothing of healthy runs, when a finding is over, the
// same from a saved state, and what is left unsaid where too little is known. Whole runs are in failing-runs.test.ts.

import { readFileSync } from 'node:fs';
import { Diagnosis, type DiagnosisEvent, type DiagnosisState } from '@forger/dcgan';
import { describe, expect, test } from 'vitest';
import { type ImageSet, nearestIn, nearestOthers, thumbnails } from '../../src/train/diversity.ts';

interface Row {
  run: string;
  unit: 'probability' | 'score';
  step: number;
  metrics: Record<string, number>;
}

/** Means over ten steps of runs that learned, some slowly; 16×16, width 16, unless the name says otherwise. */
const rows: Row[] = readFileSync(new URL('./fixtures/healthy-runs.csv', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [, run, unit, step, lossD, lossG, dReal, dFake] = /^"(.*)",(\w+),(.*),(.*),(.*),(.*),(.*)$/.exec(
      line,
    )!;
    const metrics = {
      lossD: Number(lossD),
      lossG: Number(lossG),
      dReal: Number(dReal),
      dFake: Number(dFake),
    };
    return { run: run!, unit: unit as Row['unit'], step: Number(step), metrics };
  });
const healthy = [...new Set(rows.map(({ run }) => run))];

test('eleven healthy runs are recorded', () => {
  expect(healthy).toHaveLength(11);
});

test.each(healthy)('nothing is found in a healthy run: %s', (run) => {
  const own = rows.filter((row) => row.run === run);
  expect(own.length).toBeGreaterThanOrEqual(40);
  const diagnosis = new Diagnosis({ unit: own[0]!.unit });
  const events = own.flatMap(({ step, metrics }) =>
    Array.from({ length: 10 }, (_, i) => diagnosis.metrics(step - 9 + i, metrics)).flat(),
  );
  expect(events).toEqual([]);
});

const fair = { lossD: 1.1, lossG: 1, dReal: 0.65, dFake: 0.35 };
const won = { lossD: 0.002, lossG: 8, dReal: 0.999, dFake: 0.001 };
const lost = { lossD: 1.4, lossG: 0.7, dReal: 0.5, dFake: 0.5 };

/** Feeds phases of so many steps each, from step 1. */
function fed(
  diagnosis: Diagnosis,
  phases: readonly (readonly [steps: number, metrics: Record<string, number>])[],
  from = 0,
): DiagnosisEvent[] {
  let step = from;
  return phases.flatMap(([steps, metrics]) =>
    Array.from({ length: steps }, () => diagnosis.metrics(++step, metrics)).flat(),
  );
}

const told = (events: readonly DiagnosisEvent[]) =>
  events.map(({ step, kind, state }) => [step, kind, state]);

describe('a finding', () => {
  test('is told when it begins, when it is over, and when it begins again, and not between', () => {
    const diagnosis = new Diagnosis({ unit: 'probability' });
    const events = fed(diagnosis, [
      [150, fair],
      [600, won],
      [400, fair],
      [300, won],
    ]);
    // It takes 200 steps to begin, since no ten of them may look fair, and is over 200 steps after it was seen last.
    expect(told(events)).toEqual([
      [350, 'discriminator-won', 'began'],
      [950, 'discriminator-won', 'over'],
      [1350, 'discriminator-won', 'began'],
    ]);
    expect(events[1]!.evidence).toBe('Seen from step 350 to 750, and not since.');
  });

  test('is not told of the first steps, in which every discriminator wins', () => {
    expect(fed(new Diagnosis({ unit: 'probability' }), [[290, won]])).toEqual([]);
    expect(told(fed(new Diagnosis({ unit: 'probability' }), [[310, won]]))).toEqual([
      [310, 'discriminator-won', 'began'],
    ]);
  });

  test('is told of a loss that is used up also where outputs mean nothing known', () => {
    const scores = { ...won, dReal: 3, dFake: -3 };
    expect(told(fed(new Diagnosis(), [[310, scores]]))).toEqual([[310, 'discriminator-won', 'began']]);
    // A Wasserstein loss goes below 0.
    expect(fed(new Diagnosis({ unit: 'score' }), [[600, { ...scores, lossD: -2 }]])).toEqual([]);
  });

  test('of a discriminator that lost is told where its outputs are known', () => {
    expect(told(fed(new Diagnosis({ unit: 'probability' }), [[310, lost]]))).toEqual([
      [310, 'discriminator-lost', 'began'],
    ]);
    expect(told(fed(new Diagnosis({ unit: 'score' }), [[310, lost]]))).toEqual([
      [310, 'discriminator-lost', 'began'],
    ]);
    expect(fed(new Diagnosis(), [[310, lost]])).toEqual([]);
    // In one of ten steps it could tell.
    const sometimes = Array.from({ length: 60 }, (_, i) => [10, i % 10 === 9 ? fair : lost] as const);
    expect(fed(new Diagnosis({ unit: 'probability' }), sometimes)).toEqual([]);
  });

  test('of oscillation needs two whole swings within 500 steps', () => {
    const fooled = { ...fair, dReal: 0.7, dFake: 0.8 };
    const caught = { ...fair, dReal: 0.9, dFake: 0.1 };
    const swing = (steps: number) =>
      Array.from({ length: 10 }, (_, i) => [steps, i % 2 === 0 ? fooled : caught] as const);
    const events = fed(new Diagnosis({ unit: 'probability' }), [[100, fair], ...swing(60)]);
    expect(told(events)).toEqual([[350, 'oscillation', 'began']]);
    expect(events[0]!.evidence).toBe(
      'Over steps 101 to 350 D(G(z)) went 4 times between below 0.2 and above 0.6.',
    );
    expect(fed(new Diagnosis({ unit: 'probability' }), [[100, fair], ...swing(170)])).toEqual([]);
    expect(fed(new Diagnosis({ unit: 'score' }), [[100, fair], ...swing(60)])).toEqual([]);
  });

  test('of losses out of bounds needs growth', () => {
    const large = { ...fair, lossG: -5000 };
    expect(
      told(
        fed(new Diagnosis(), [
          [200, fair],
          [60, large],
        ]),
      ),
    ).toEqual([[230, 'exploding', 'began']]);
    expect(fed(new Diagnosis(), [[600, large]])).toEqual([]);
  });

  test('is not made of metrics that are missing', () => {
    expect(fed(new Diagnosis({ unit: 'probability' }), [[600, { loss: 0.001, accuracy: 1 }]])).toEqual([]);
    expect(fed(new Diagnosis({ unit: 'probability' }), [[600, { lossD: Number.NaN, dReal: 1 }]])).toEqual([]);
  });
});

test('a diagnosis goes on from its state, after JSON, as if it had never stopped', () => {
  const phases = [
    [150, fair],
    [600, won],
    [400, lost],
    [333, won],
  ] as const;
  const training = { count: 5000, images: noise(64, 2) };
  const straight = new Diagnosis({ unit: 'probability' });
  const events = fed(straight, phases);
  events.push(...straight.preview(1500, noise(64, 1, 0), training));
  for (const stop of [0, 4, 155, 331, 749, 1200]) {
    const first = new Diagnosis({ unit: 'probability' });
    const all = phases.flatMap(([steps, metrics]) => Array.from({ length: steps }, () => metrics));
    const found = all.slice(0, stop).flatMap((metrics, i) => first.metrics(i + 1, metrics));
    first.gradient({ step: 0, norm: 1 });
    const state: DiagnosisState = JSON.parse(JSON.stringify(first.state()));
    const second = new Diagnosis({ unit: 'probability' });
    second.restore(state);
    expect(JSON.parse(JSON.stringify(second.state()))).toEqual(state);
    found.push(...all.slice(stop).flatMap((metrics, i) => second.metrics(stop + i + 1, metrics)));
    found.push(...second.preview(1500, noise(64, 1, 0), training));
    expect(told(found)).toEqual(told(events));
  }
});

/** Images of 16 numbers: noise of a size around a mean image each of `modes`. */
function noise(count: number, seed: number, size = 1, modes = 1): ImageSet {
  const values = Float32Array.from({ length: count * 16 }, (_, i) => {
    const [image, pixel] = [Math.floor(i / 16), i % 16];
    const random = (k: number): number => {
      const value = Math.sin(seed * 91.7 + k * 12.9898) * 43758.5453;
      return value - Math.floor(value);
    };
    return random(7 + (image % modes) * 1000 + pixel) + size * (random(i + 1e5) - 0.5);
  });
  return { values, size: 16 };
}

describe('images', () => {
  const training = { count: 5000, images: noise(64, 2) };
  const shown = (images: ImageSet, data = training): (readonly unknown[])[] => {
    const diagnosis = new Diagnosis();
    return told([100, 200, 250, 300].flatMap((step) => diagnosis.preview(step, images, data)));
  };

  test('as different as training images raise nothing', () => {
    expect(shown(noise(64, 1))).toEqual([]);
  });

  test('that are all alike, or few and repeated, have collapsed', () => {
    expect(shown(noise(64, 1, 0))).toEqual([[300, 'collapse', 'began']]);
    expect(shown(noise(64, 1, 0.02))).toEqual([[300, 'collapse', 'began']]);
    expect(shown(noise(64, 1, 0.02, 5))).toEqual([[300, 'collapse', 'began']]);
  });

  test('of few training images may be repeated, and are compared with all of them', () => {
    // Each of 20 images about three times, with a little noise: learned by heart, but not collapsed.
    const few = noise(20, 3);
    const values = Float32Array.from(
      { length: 64 * 16 },
      (_, i) => few.values[i % (20 * 16)]! + 0.01 * Math.sin(i),
    );
    expect(shown({ values, size: 16 }, { count: 20, images: few })).toEqual([[300, 'memorisation', 'began']]);
    expect(shown(noise(64, 1), { count: 20, images: few })).toEqual([]);
  });

  test('of data without any difference are compared with nothing', () => {
    expect(shown(noise(64, 1, 0), { count: 5000, images: noise(64, 2, 0) })).toEqual([]);
  });
});

describe('distances', () => {
  test('are those of each pair', () => {
    const [a, b] = [noise(30, 4), noise(17, 5)];
    const distance = (x: ImageSet, i: number, y: ImageSet, j: number): number =>
      Math.hypot(...Array.from({ length: 16 }, (_, p) => x.values[16 * i + p]! - y.values[16 * j + p]!));
    const least = (values: number[]): number => Math.min(...values);
    const each = (n: number) => Array.from({ length: n }, (_, i) => i);
    const others = each(30).map((i) =>
      least(
        each(30)
          .filter((j) => j !== i)
          .map((j) => distance(a, i, a, j)),
      ),
    );
    const nearest = each(30).map((i) => least(each(17).map((j) => distance(a, i, b, j))));
    for (const [i, value] of nearestOthers(a).entries()) expect(value).toBeCloseTo(others[i]!, 10);
    for (const [i, value] of nearestIn(a, b).entries()) expect(value).toBeCloseTo(nearest[i]!, 10);
  });

  test('are taken of images of at most 16 pixels a side, by means over squares', () => {
    const large = Float32Array.from({ length: 2 * 3 * 40 * 33 }, (_, i) => i % 7);
    const { values, size } = thumbnails(large, [3, 40, 33]);
    expect([values.length, size]).toEqual([2 * 3 * 13 * 11, 3 * 13 * 11]);
    const at = (plane: number, y: number, x: number): number => large[(plane * 40 + y) * 33 + x]!;
    let sum = 0;
    for (let y = 3; y < 6; y++) for (let x = 6; x < 9; x++) sum += at(4, y, x);
    expect(values[(4 * 13 + 1) * 11 + 2]).toBeCloseTo(sum / 9, 5);
    const small = new Float32Array(2 * 16 * 16);
    expect(thumbnails(small, [1, 16, 16])).toEqual({ values: small, size: 256 });
  });
});
