// `forger report`: the reports of a run, made anew from what its folder holds.

import { loadTask } from '../recipes/load.ts';
import { writeReports } from '../report/report.ts';
import { findRecipeOf } from '../train/places.ts';
import { RunFolder } from '../train/run-folder.ts';
import { withOptions } from '../train/train.ts';
import { say } from './print.ts';
import { version } from './version.ts';

/** @returns the exit code. @throws ForgerError */
export async function runReport(dir: string): Promise<number> {
  const run = await RunFolder.read(dir);
  const { task } = await loadTask(await findRecipeOf(run.config, dir));
  const facts = [
    ['forger', version],
    ['Node', process.version],
  ] as const;
  const { html } = await writeReports(run, facts, withOptions(task, run.config));
  say(`${html}: ${run.readMetrics().length.toLocaleString('en')} steps`);
  return 0;
}
