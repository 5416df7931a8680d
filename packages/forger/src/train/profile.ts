// The profile of some training steps, as a hook that writes it into the run folder.

import type { Hook } from '@forger/dcgan';
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
 * Profiles some steps, and writes `profile.txt` and `profile-trace.json` into the run folder.
 * @param which after how many steps of this process it begins, and how many are profiled.
 * @param tell gets the report; undefined when the run ended before it could begin.
 */
export function profileHook(
  run: RunFolder,
  which: { after: number; steps: number },
  tell: (report: ProfileReport | undefined) => void,
): Hook {
  let made = 0;
  let begun: { steps: number; finish: () => void; profile: Promise<Profile<void>> } | undefined;
  const finish = async (device: Device): Promise<void> => {
    const { steps, finish, profile } = begun!;
    finish();
    const found = await profile;
    tell(steps === 0 ? undefined : await write(device, run, found, steps));
    begun = undefined;
    made = Number.POSITIVE_INFINITY;
  };
  return {
    name: 'profile',
    step: async ({ device }) => {
      made++;
      if (made === which.after) {
        await new Promise<void>((started, failed) => {
          let finish = (): void => {};
          const steps = new Promise<void>((done) => {
            finish = done;
          });
          const profile = device.profile(() => {
            started();
            return steps;
          });
          profile.catch(failed);
          begun = { steps: 0, finish, profile };
        });
      } else if (begun && ++begun.steps === which.steps) await finish(device);
    },
    end: async ({ device }) => {
      if (begun) await finish(device);
      else if (made < which.after) tell(undefined);
    },
  };
}

async function write(
  device: Device,
  run: RunFolder,
  profile: Profile,
  steps: number,
): Promise<ProfileReport> {
  const ceilings = await measureCeilings(device);
  const paths = { table: run.path('profile.txt'), trace: run.path('profile-trace.json') };
  await writeAtomic(paths.table, `${profileTable(profile, { ceilings, steps }).join('\n')}\n`);
  await writeAtomic(paths.trace, JSON.stringify(chromeTrace(profile)));
  const table = profileTable(profile, { ceilings, steps, rows: SHOWN_ROWS });
  return { profile, ceilings, steps, table, paths };
}
