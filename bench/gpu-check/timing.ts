// Time on the device: by timestamps where it offers them, so that what the host spends on each call does not count.
import { type Device, matmul, normal } from '@forger/tensor';
import { timeInterleaved } from '@forger/tensor/internal';

/** A sample is as many calls as last about so long, in milliseconds, one at least. */
const SAMPLE = 20;
const MOST_CALLS = 50;
const ROUNDS = 3;

export interface DeviceTime {
  /** Of one call: the median over the rounds. */
  readonly milliseconds: number;
  readonly spread: readonly [number, number];
  readonly method: 'timestamps' | 'waits';
}

/** Milliseconds of one call after one that compiles: what the host waits. */
export async function once(device: Device, work: () => void): Promise<number> {
  for (let i = 0; ; i++) {
    const start = performance.now();
    device.scope(work);
    await device.sync();
    if (i > 0) return performance.now() - start;
  }
}

/** Times a work whose call takes about `about` milliseconds; its results are freed. */
export async function timeOnDevice(device: Device, about: number, work: () => void): Promise<DeviceTime> {
  if (!device.features.has('timestamp-query')) {
    const [timing] = await timeInterleaved(device, [work], ROUNDS);
    const { median, least, most } = timing!;
    return { milliseconds: median, spread: [least, most], method: 'waits' };
  }
  const calls = Math.max(1, Math.min(MOST_CALLS, Math.ceil(SAMPLE / about)));
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { deviceMilliseconds } = await device.profile(() => {
      for (let i = 0; i < calls; i++) device.scope(work);
    });
    times.push(deviceMilliseconds / calls);
  }
  times.sort((a, b) => a - b);
  return {
    milliseconds: times[Math.floor(ROUNDS / 2)]!,
    spread: [times[0]!, times.at(-1)!],
    method: 'timestamps',
  };
}

const ROUGH_SIDE = 256;

/**
 * Seconds that so many operations of convolutions take at least, going by one small matrix product: what is begun on an
 * adapter must end in time, and cannot be ended in between.
 */
export async function roughSeconds(device: Device, flop: number): Promise<number> {
  const [a, b] = [normal([ROUGH_SIDE, ROUGH_SIDE], { device }), normal([ROUGH_SIDE, ROUGH_SIDE], { device })];
  const milliseconds = await once(device, () => void matmul(a, b));
  for (const t of [a, b]) t.dispose();
  return ((flop / (2 * ROUGH_SIDE ** 3)) * milliseconds) / 1000;
}

/** A rate for people. */
export const rateOf = (gflops: number): string =>
  gflops < 1000 ? `${gflops.toFixed(0)} GFLOP/s` : `${(gflops / 1000).toFixed(1)} TFLOP/s`;
