// The profile of some training steps, as files in the run folder.

import {
  type Ceilings,
  chromeTrace,
  type Device,
  measureCeilings,
  type Profile,
  profileTable,
} from '@forger/tensor';
import { writeAtomic } from '../atomic-file.ts';
import type { RunFolder } from './run-folder.ts';

/** Rows of the longer table that are shown at once; the file has all. */
const SHOWN_ROWS = 15;

/** A profile and where it was written. */
export interface ProfileReport {
  profile: Profile;
  /** What the kernels' rates are compared with, measured after the profile. */
  ceilings: Ceilings;
  /** Steps that were profiled. */
  steps: number;
  /** Lines for a terminal. */
  table: string[];
  /** The whole table, and the file for chrome://tracing or Perfetto. */
  paths: { table: string; trace: string };
}

/**
 * Profiles what `fn` runs, and writes `profile.txt` and `profile-trace.json` into the run folder.
 * @param fn trains; @returns how many steps it made.
 * @returns undefined when that is none.
 */
export async function profileSteps(
  device: Device,
  run: RunFolder,
  fn: () => Promise<number>,
): Promise<ProfileReport | undefined> {
  const profile = await device.profile(fn);
  const steps = profile.result;
  if (steps === 0) return undefined;
  const ceilings = await measureCeilings(device);
  const paths = { table: run.path('profile.txt'), trace: run.path('profile-trace.json') };
  await writeAtomic(paths.table, `${profileTable(profile, { ceilings, steps }).join('\n')}\n`);
  await writeAtomic(paths.trace, JSON.stringify(chromeTrace(profile)));
  const table = profileTable(profile, { ceilings, steps, rows: SHOWN_ROWS });
  return { profile, ceilings, steps, table, paths };
}
