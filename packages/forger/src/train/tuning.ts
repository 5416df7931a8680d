// Which kernels a run uses: those that it was begun with when it is resumed, else those that were found
// fastest for this adapter before, kept in a file of the user's cache, else those that ship for it
// (kernel-defaults.ts), else those that the tuner finds now.

import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TUNING } from '@forger/dcgan/internal';
import { defaultChoices, kernelDefaults } from '@forger/dcgan/internal';
import type { Device } from '@forger/tensor';
import type { AbortSignal } from '@forger/tensor/internal';
import { getChoices, kernelSources, setChoices, tunableProblems, tune } from '@forger/tensor/internal';
import { z } from 'zod';
import { writeAtomic } from '../atomic-file.ts';
import { dataCache } from '../data/cache-folder.ts';
import type { Reporter } from './reporter.ts';

/**
 * off: kernels by rule. on: what was found before, then what ships for this adapter; where nothing that was
 * measured ships, the tuner, and what ships where it had no time. thorough: the tuner.
 */
export type Tuning = (typeof TUNING)[number];

const schema = z.strictObject({
  version: z.literal(1),
  adapter: z.string(),
  choices: z.record(z.string(), z.string()),
});

/** A first run is not kept waiting longer than this, in seconds; `thorough` takes the time it needs. */
const SECONDS = 20;

export interface TuningOptions {
  tuning: Tuning;
  /** The choices that the run was begun with, when it is resumed. */
  saved: Readonly<Record<string, string>> | undefined;
  reporter: Pick<Reporter, 'note'>;
  signal: AbortSignal;
  /** Where choices are kept, for tests. */
  folder?: string;
}

/**
 * Settles the kernels of a run.
 * @param work what the run will compute; it is run dry.
 * @returns the choices that hold, for the run to record; empty when all go by rule.
 */
export async function settleKernels(
  device: Device,
  work: () => unknown,
  { tuning, saved, reporter, signal, folder = join(dirname(dataCache()), 'tuning') }: TuningOptions,
): Promise<Record<string, string>> {
  if (saved) {
    const refused = setChoices(device, saved);
    if (refused.length > 0) {
      reporter.note(
        `This adapter cannot run ${refused.length} of the kernels that the run was begun with; others take their place, so its numbers may differ in the last digits.`,
      );
    }
    return { ...saved };
  }
  setChoices(device, {});
  if (tuning === 'off') return {};
  const adapter = adapterName(device);
  const path = join(folder, `${fingerprint(adapter)}.json`);
  const known = tuning === 'on' ? await readChoices(path, adapter, reporter) : {};
  const defaults = kernelDefaults(adapter);
  const shipped = defaults?.prefer.length ? defaultChoices(defaults, tunableProblems(device, work)) : {};
  if (tuning === 'on' && defaults?.measured) {
    setChoices(device, { ...shipped, ...known });
    return getChoices(device);
  }
  setChoices(device, known);
  const { problems, left } = await tune(device, work, {
    seconds: tuning === 'thorough' ? Number.POSITIVE_INFINITY : SECONDS,
    rounds: tuning === 'thorough' ? 5 : 3,
    signal,
    onProgress: (done, total) =>
      reporter.note(`Tuning kernels for this adapter: ${done} of ${total} problems.`),
  });
  for (const { key, wrong } of problems) {
    for (const { algorithm, difference } of wrong) {
      reporter.note(
        `The ${algorithm} kernel is wrong here for '${key}' (off by ${difference.toExponential(1)} of the largest value) and is not used: please report it.`,
      );
    }
  }
  if (problems.length > 0) {
    reporter.note(
      `Tuned ${problems.length} problems${left > 0 ? `; ${left} more were left when time was up` : ''}.`,
    );
    await mkdir(folder, { recursive: true });
    const choices = { ...(await readChoices(path, adapter, reporter)), ...getChoices(device) };
    await writeAtomic(path, `${JSON.stringify({ version: 1, adapter, choices }, null, 1)}\n`);
  }
  // For problems that there was no time for.
  setChoices(device, { ...shipped, ...getChoices(device) });
  return getChoices(device);
}

/** The adapter with its driver, and how wide that makes its subgroups: what measured times belong to. */
export function adapterName({ adapter }: Pick<Device, 'adapter'>): string {
  const { vendor, architecture, device, description, subgroupSize } = adapter;
  return [vendor, architecture, device, description, `subgroups of ${subgroupSize.join(' to ')}`].join(' | ');
}

/** A name for the file: other kernels or another adapter, another file. */
function fingerprint(adapter: string): string {
  return createHash('sha256').update(adapter).update(kernelSources()).digest('hex').slice(0, 16);
}

/** The choices that a file of the cache holds; none, with a note, when it is damaged. */
export async function readChoices(
  path: string,
  adapter: string,
  reporter: Pick<Reporter, 'note'>,
): Promise<Record<string, string>> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return {};
  try {
    const file = schema.parse(JSON.parse(text));
    return file.adapter === adapter ? file.choices : {};
  } catch {
    reporter.note(`${path} is no record of kernel choices and is not used; the next tuning replaces it.`);
    return {};
  }
}
