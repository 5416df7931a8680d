// `forger train`: settings from flags, recipe and earlier run; then training, reports, and how to go on.

import { resolve } from 'node:path';
import { checkOptions, findRecipe } from '@forger/dcgan/internal';
import { NAMED_SETS } from '../data/named.ts';
import {
  newConfig,
  optionsOf,
  resumeConfig,
  type TrainConfig,
  type TrainOverrides,
} from '../train/config.ts';
import type { StartInfo } from '../train/reporter.ts';
import { RunFolder } from '../train/run-folder.ts';
import { train } from '../train/train.ts';
import type { Tuning } from '../train/tuning.ts';
import type { TrainIO } from '../train/types.ts';
import { UsageError } from './errors.ts';
import { type CommandReporter, createReporter } from './progress.ts';
import { stopOnSignals } from './signals.ts';
import { version } from './version.ts';

/** The command's flags as commander parses them. */
export interface TrainFlags extends TrainOverrides {
  out?: string;
  resume?: string;
  quiet?: boolean;
  json?: boolean;
  debug?: boolean;
  eager?: boolean;
  tune?: Tuning;
  profile?: number;
  maxRestarts?: number;
  onNan?: NonNullable<TrainIO['onNan']>;
}

const DEFAULT_RECIPE = 'quick';

/** Trains. @returns the exit code. @throws ForgerError, UsageError */
export async function runTrain(flags: TrainFlags): Promise<number> {
  const {
    out,
    resume,
    quiet = false,
    json = false,
    debug = false,
    eager = false,
    tune,
    profile,
    maxRestarts,
    onNan,
    ...given
  } = flags;
  const overrides = withAbsolutePaths(given);
  const reporter = createReporter({ json, quiet });
  const stop = stopOnSignals(() =>
    reporter.note(
      `${reporter.info ? 'Stopping after this step and saving.' : 'Stopping before the first step.'} Press Ctrl-C again to quit at once.`,
    ),
  );
  try {
    const { run, config } =
      resume === undefined ? await startRun(overrides, out) : await reopenRun(overrides, resume);
    const options = {
      ...(tune !== undefined && { tuning: tune }),
      ...(profile !== undefined && { profile }),
      ...(maxRestarts !== undefined && { maxRestarts }),
      ...(onNan !== undefined && { onNan }),
    };
    const io = { run, reporter, signal: stop.signal, debug, eager, resume: resume !== undefined };
    await trainAndReport(config, { ...io, ...options });
  } finally {
    reporter.close();
    stop.dispose();
  }
  return stop.exitCode;
}

async function trainAndReport(
  config: TrainConfig,
  io: TrainIO & { reporter: CommandReporter },
): Promise<void> {
  const { run, reporter, resume } = io;
  try {
    const summary = await train(config, io);
    // Charts are drawn at the end: their libraries need not be loaded before the first step.
    const { writeReports } = await import('../report/report.ts');
    reporter.done(summary, await writeReports(run, facts(reporter.info)));
    run.close();
  } catch (error) {
    // What ended the run is said, not what fails after it, such as writing the last metrics to a full disk.
    await (async () => (resume ? run.close() : run.discardIfUntrained()))().catch(() => {});
    throw error;
  }
}

async function startRun(
  overrides: TrainOverrides,
  out: string | undefined,
): Promise<{ run: RunFolder; config: TrainConfig }> {
  const recipe = findRecipe(overrides.recipe ?? DEFAULT_RECIPE, UsageError);
  if (overrides.data === undefined && recipe.defaults.data === undefined) {
    throw new UsageError(
      `--data: the recipe ${recipe.name} was published for pictures of one's own; name a folder of pictures or a data set`,
    );
  }
  const config = newConfig(recipe, overrides);
  recipe.checkSizes(config);
  checkOptions(optionsOf(config));
  const run = await RunFolder.create(config, out === undefined ? {} : { out });
  return { run, config };
}

async function reopenRun(
  overrides: TrainOverrides,
  dir: string,
): Promise<{ run: RunFolder; config: TrainConfig }> {
  const run = await RunFolder.open(dir);
  try {
    const config = resumeConfig(run.config, overrides, dir);
    findRecipe(config.recipe).checkSizes(config);
    await run.saveConfig(config);
    return { run, config };
  } catch (error) {
    run.close();
    throw error;
  }
}

// What the report says beside settings and timings.
function facts(info: StartInfo | undefined): [string, string][] {
  const known: [string, string][] =
    info === undefined
      ? []
      : [
          ['device', info.adapter],
          ['data', info.data],
        ];
  return [...known, ['forger', version], ['Node', process.version]];
}

// A run may be resumed from another folder, so config.json holds absolute paths.
function withAbsolutePaths(given: TrainOverrides): TrainOverrides {
  const { data, dataDir } = given;
  return {
    ...given,
    ...(data !== undefined && { data: isNamed(data) ? data : resolve(data) }),
    ...(dataDir !== undefined && { dataDir: resolve(dataDir) }),
  };
}

function isNamed(data: string): boolean {
  return data === 'glyphs' || NAMED_SETS.some(({ name }) => name === data);
}
