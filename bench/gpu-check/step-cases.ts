// The training steps that are measured: the `pytorch` recipe at four sizes.
import type { Device } from '@forger/tensor';
import { openStep, type StepSizes } from '../dcgan.ts';

/** As `bench step` has them, and one that fills a GPU. */
export const stepCases = {
  A: { size: 32, width: 32, channels: 1, batch: 64 },
  B: { size: 32, width: 64, channels: 1, batch: 64 },
  C: { size: 64, width: 64, channels: 3, batch: 16 },
  D: { size: 64, width: 64, channels: 3, batch: 128 },
} as const satisfies Record<string, StepSizes>;

/** Operations of a step's convolutions. */
export function flopOf(device: Device, sizes: StepSizes): number {
  const { flop, dispose } = openStep(device, sizes);
  dispose();
  return flop;
}
