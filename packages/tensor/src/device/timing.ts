// Timing by waits: warm-up, then rounds that run the candidates in turn, so that other load on the machine
// affects all of them equally. The result is the median with the spread.
import type { Device } from './device.ts';

/** Milliseconds of one call: median, minimum and maximum over the rounds. */
export interface Timing {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Least milliseconds of one timed sample: well above the cost of a wait. */
const leastSample = 40;

async function sample(device: Device, work: () => void, calls: number): Promise<number> {
  await device.sync();
  const start = performance.now();
  for (let i = 0; i < calls; i++) device.scope(work);
  await device.sync();
  return performance.now() - start;
}

/** Times each candidate in turn for `rounds` rounds and frees the results. */
export async function timeInterleaved(
  device: Device,
  works: readonly (() => void)[],
  rounds = 5,
): Promise<Timing[]> {
  const calls: number[] = [];
  for (const work of works) {
    await sample(device, work, 1); // compiles
    const once = await sample(device, work, 1);
    calls.push(Math.max(1, Math.min(1000, Math.ceil(leastSample / once))));
  }
  const times: number[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries())
      times[i]!.push((await sample(device, work, calls[i]!)) / calls[i]!);
  }
  return times.map((list) => {
    const sorted = [...list].sort((a, b) => a - b);
    return { median: sorted[Math.floor(sorted.length / 2)]!, least: sorted[0]!, most: sorted.at(-1)! };
  });
}
