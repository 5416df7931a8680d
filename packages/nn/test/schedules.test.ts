// Learning-rate schedules: values that PyTorch's documentation of its schedulers gives, and the formulas' corners.
import { cosineLR, linearLR, stepLR } from '@forger/nn';
import { ConfigError } from '@forger/tensor';
import { expect, test } from 'vitest';

const at = (schedule: (step: number) => number, steps: number[]): number[] =>
  steps.map((step) => Number(schedule(step).toPrecision(12)));

test('stepLR', () => {
  // torch.optim.lr_scheduler.StepLR: 0.05 below epoch 30, 0.005 below 60, 0.0005 below 90.
  expect(at(stepLR(0.05, 30, 0.1), [0, 29, 30, 59, 60, 89])).toEqual([
    0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005,
  ]);
});

test('linearLR', () => {
  // torch.optim.lr_scheduler.LinearLR with start_factor=0.5, total_iters=4.
  expect(at(linearLR(0.05, 0.5, 1, 4), [0, 1, 2, 3, 4, 5])).toEqual([
    0.025, 0.03125, 0.0375, 0.04375, 0.05, 0.05,
  ]);
  expect(at(linearLR(1, 1, 0, 100), [0, 50, 100, 200])).toEqual([1, 0.5, 0, 0]);
});

test('cosineLR', () => {
  expect(at(cosineLR(1, 100, 0.2), [0, 50, 100])).toEqual([1, 0.6, 0.2]);
});

test.each([
  ['stepLR', () => stepLR(1, 0)],
  ['linearLR', () => linearLR(1, 1, 0, -1)],
  ['cosineLR', () => cosineLR(1, 0.5)],
])('%s refuses a period that is none', (_, make) => {
  expect(make).toThrow(ConfigError);
});
