// The process that reads hostile files: it can be killed. Its arguments say which cases to run, and in which empty
// folder; it tells its parent of each one that is done.

import { type Case, type CaseResult, keptCase, makeCase, runCase } from './case.ts';
import type { Job } from './jobs.ts';
import { findParser } from './registry.ts';

/** What the parent hears. */
export interface Done extends CaseResult {
  job: number;
  index: number;
}

const [, , given, root] = process.argv as [string, string, string, string];
process.chdir(root);

/** A promise that nobody waited for, or an error that nobody could catch. */
let stray: unknown;
const remember = (error: unknown) => {
  stray ??= error ?? new Error('rejected with nothing');
};
process.on('unhandledRejection', remember);
process.on('uncaughtException', remember);

function send(message: Done | 'ready'): Promise<void> {
  return new Promise((resolve) => process.send!(message, undefined, undefined, () => resolve()));
}

const jobs = JSON.parse(given) as Job[];
await send('ready');
for (const [job, { parser: name, ...cases }] of jobs.entries()) {
  const parser = findParser(name)!;
  const run = async (index: number, made: Promise<Case> | Case) => {
    stray = undefined;
    let result = await runCase(parser, await made, root);
    // What was rejected meanwhile is reported a turn later.
    await new Promise((resolve) => setImmediate(resolve));
    if (stray !== undefined)
      result = { ...result, outcome: 'crash', message: `not caught: ${String(stray)}` };
    await send({ job, index, ...result });
  };
  if ('file' in cases) await run(0, keptCase(cases.file));
  else
    for (let index = cases.from; index < cases.from + cases.count; index++)
      await run(index, makeCase(parser, cases.seed, index));
}
process.disconnect();
process.exit(0);
