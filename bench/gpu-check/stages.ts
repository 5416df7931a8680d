// The stages in order of worth, and how long each may take, in seconds.
import type { Stage } from './stage.ts';

export interface StageEntry {
  readonly name: string;
  /** What it finds out. */
  readonly title: string;
  readonly seconds: number;
  load(): Promise<Stage>;
}

export const stages: readonly StageEntry[] = [
  {
    name: 'adapter',
    title: 'adapter, driver, limits and features; a dozen operations against float64',
    seconds: 20,
    load: async () => (await import('./stages/adapter.ts')).adapter,
  },
  {
    name: 'correctness',
    title: 'golden cases; every algorithm at tile edges; the same bits eager, captured, replayed and again',
    seconds: 90,
    load: async () => (await import('./stages/correctness.ts')).correctness,
  },
  {
    name: 'training',
    title: 'losses of 200 steps of quick and 50 of pytorch beside recorded ones; a grid of pictures',
    seconds: 40,
    load: async () => (await import('./stages/training.ts')).training,
  },
  {
    name: 'kernels',
    title: 'the measured ceilings, and the main kernels against them',
    seconds: 90,
    load: async () => (await import('./stages/kernels.ts')).kernels,
  },
  {
    name: 'steps',
    title: 'whole training steps and the host time of a replay, beside PyTorch',
    seconds: 120,
    load: async () => (await import('./stages/steps.ts')).steps,
  },
  {
    name: 'mixed',
    title: 'mixed precision: golden cases, losses, the step',
    seconds: 60,
    load: async () => (await import('./stages/mixed.ts')).mixed,
  },
  {
    name: 'tuner',
    title: "the tuner's choices, and what each gains over the rules",
    seconds: 60,
    load: async () => (await import('./stages/tuner.ts')).tuner,
  },
];
