// The best of a row of values: which is better, ties, numbers that are none, and going on from a saved state.

import { BestTracker, rank } from '@forger/dcgan';
import { expect, test } from 'vitest';

test('smaller, larger or nearer values rank before others, and NaN behind all', () => {
  expect(rank({ value: 2 })).toBeLessThan(rank({ value: 3 }));
  expect(rank({ value: 3, better: 'larger' })).toBeLessThan(rank({ value: 2, better: 'larger' }));
  expect(rank({ value: 0.45, ideal: 0.5 })).toBeLessThan(rank({ value: 0.6, ideal: 0.5 }));
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    expect(rank({ value })).toBe(Number.POSITIVE_INFINITY);
});

test('the first of equal values stays the best, and what passes without a better one is counted', () => {
  const tracker = new BestTracker();
  const values = [Number.NaN, 5, 3, 3, Number.NaN, 4, 2];
  const isBest = values.map((value, step) => tracker.add(step, { value }));
  expect(isBest).toEqual([false, true, true, false, false, false, true]);
  expect(tracker.best).toEqual({ step: 6, value: 2 });
  expect(tracker.since).toBe(0);
});

test('a state that has been through JSON goes on in the same way', () => {
  const [straight, first, second] = [new BestTracker(), new BestTracker(), new BestTracker()];
  const values = [0.9, 0.4, 0.55, 0.2, 0.5, 0.61];
  for (const [step, value] of values.entries()) {
    straight.add(step, { value, ideal: 0.5 });
    if (step < 3) first.add(step, { value, ideal: 0.5 });
  }
  second.restore(JSON.parse(JSON.stringify(first.state())));
  for (const [step, value] of values.entries()) if (step >= 3) second.add(step, { value, ideal: 0.5 });
  expect(second.state()).toEqual(straight.state());
  expect(second.state()).toEqual({ best: { step: 4, value: 0.5 }, since: 1 });
});
