// `forger sample`: generates images and prints where they are.

import { sample } from '../sample/sample.ts';
import type { SampleOptions } from '../train/types.ts';
import { remark, say } from './print.ts';

/** @returns the exit code. @throws ForgerError */
export async function runSample(
  source: string,
  flags: Omit<SampleOptions, 'out'> & { out?: string },
): Promise<number> {
  const { count, seed, out = `sample-${seed}.png`, ...how } = flags;
  const { path, width, height, notes } = await sample(source, { count, seed, out, ...how });
  for (const note of notes) remark(note);
  say(`${path}: ${count} pictures, ${width}x${height} pixels in all`);
  return 0;
}
