// `forger train`: settings from flags, recipe and earlier run; then training, reports, and how to go on.

import { resolve } from 'node:path';
import type { AnyTask } from '@forger/dcgan';
import { absoluteNetwork, checkNetwork } from '../evaluate/network.ts';
import { checkMetrics, findValue } from '../evaluate/values.ts';
import { absoluteRecipe, loadTask } from '../recipes/load.ts';
import { isTaskFile } from '../recipes/task-file.ts';
import { newConfig, resumeConfig, type TrainConfig, type TrainOverrides } from '../train/config.ts';
import { checkSizes, sizesFromData } from '../train/defaults.ts';
import { findPlaces, isNamedSet } from '../train/places.ts';
import type { StartInfo } from '../train/reporter.ts';
import { RunFolder } from '../train/run-folder.ts';
import { sourcesOf, trainRun, withOptions } from '../train/train.ts';
import type { Tuning } from '../train/tuning.ts';
import type { RunIO } from '../train/types.ts';
import { UsageError } from './errors.ts';
import { type CommandReporter, createReporter } from './progress.ts';
import { stopOnSignals } from './signals.ts';
import { version } from './version.ts';

/** The command's flags as commander parses them. */
export interface TrainFlags extends Omit<TrainOverrides, 'latentSize'> {
  nz?: number;
  out?: string;
  resume?: string;
  quiet?: boolean;
  json?: boolean;
  debug?: boolean;
  eager?: boolean;
  tune?: Tuning;
  profile?: number;
  maxRestarts?: number;
  onNan?: NonNullable<RunIO['onNan']>;
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
    nz,
    ...given
  } = flags;
  const overrides = withAbsolutePaths({ ...given, ...(nz !== undefined && { latentSize: nz }) });
  const reporter = createReporter({ json, quiet });
  const stop = stopOnSignals(() =>
    reporter.note(
      `${reporter.info ? 'Stopping after this step and saving.' : 'Stopping before the first step.'} Press Ctrl-C again to quit at once.`,
    ),
  );
  try {
    const { run, config } =
      resume === undefined ? await startRun(overrides, out, reporter) : await reopenRun(overrides, resume);
    const options = {
      ...(tune !== undefined && { tuning: tune }),
      ...(profile !== undefined && { profile }),
      ...(maxRestarts !== undefined && { maxRestarts }),
      ...(onNan !== undefined && { onNan }),
    };
    const dataNamed = overrides.data !== undefined || overrides.dataB !== undefined;
    const io = {
      ...{ run, reporter, signal: stop.signal, debug, eager },
      ...{ resume: resume !== undefined, dataNamed },
    };
    await trainAndReport(config, { ...io, ...options });
  } finally {
    reporter.close();
    stop.dispose();
  }
  return stop.exitCode;
}

async function trainAndReport(config: TrainConfig, io: RunIO & { reporter: CommandReporter }): Promise<void> {
  const { run, reporter, resume } = io;
  try {
    const summary = await trainRun(config, io);
    // Charts are drawn at the end: their libraries need not be loaded before the first step.
    const { writeReports } = await import('../report/report.ts');
    reporter.done(summary, await writeReports(run, facts(reporter.info), reporter.info?.task));
    run.close();
  } catch (error) {
    // Report what ended the run, not errors that follow from it, such as writing the last metrics to a full disk.
    await (async () => (resume ? run.close() : run.discardIfUntrained()))().catch(() => {});
    throw error;
  }
}

async function startRun(
  overrides: TrainOverrides,
  out: string | undefined,
  reporter: CommandReporter,
): Promise<{ run: RunFolder; config: TrainConfig }> {
  const recipe = absoluteRecipe(overrides.recipe ?? DEFAULT_RECIPE);
  const { task } = await loadTask(recipe, UsageError);
  if (overrides.data === undefined && task.defaults?.data === undefined) {
    throw new UsageError(
      isTaskFile(recipe)
        ? `--data: the recipe ${task.name} says nothing of data; name a folder of pictures or a data set`
        : `--data: the recipe ${task.name} was published for pictures of one's own; name a folder of pictures or a data set`,
    );
  }
  checkSources(task, overrides);
  const { sizes, notes } = await sizesFromData(task, overrides);
  const config = newConfig(task, { ...overrides, ...sizes, recipe });
  checkSizes(task, config);
  withOptions(task, config);
  checkValues(config);
  const run = await RunFolder.create(config, { name: task.name, ...(out !== undefined && { out }) });
  for (const note of notes) reporter.note(note);
  return { run, config };
}

async function reopenRun(
  overrides: TrainOverrides,
  dir: string,
): Promise<{ run: RunFolder; config: TrainConfig }> {
  const run = await RunFolder.open(dir);
  try {
    const config = resumeConfig(run.config, overrides, dir);
    const { task } = await loadTask((await findPlaces(config, dir, true)).config.recipe);
    task.checkSizes?.(config);
    checkValues(config);
    await run.saveConfig(config);
    return { run, config };
  } catch (error) {
    run.close();
    throw error;
  }
}

/** @throws UsageError for metrics and values of evaluations that there are not. */
function checkValues({ keepBest, metrics = [], evaluateNetwork }: TrainConfig): void {
  const flagged = (flag: string) =>
    class extends UsageError {
      constructor(message: string) {
        super(`${flag}: ${message}`);
      }
    };
  if (keepBest !== undefined) findValue(keepBest, flagged('--keep-best'));
  checkMetrics(metrics, flagged('--metrics'));
  if (evaluateNetwork !== undefined) checkNetwork(evaluateNetwork, flagged('--evaluate-network'));
}

/** @throws UsageError when there are more or fewer data sets than the task takes. */
function checkSources(task: AnyTask, { dataB }: TrainOverrides): void {
  const sources = sourcesOf(task);
  const list = `${sources.length} data ${sources.length === 1 ? 'set' : 'sets'} (${sources.join(', ')})`;
  if (sources.length > 2)
    throw new UsageError(`--recipe: ${task.name} takes ${list}; the command has flags for two at most`);
  if (sources.length === 2 && dataB === undefined)
    throw new UsageError(`--data-b: the recipe ${task.name} takes ${list}; name the second`);
  if (sources.length < 2 && dataB !== undefined)
    throw new UsageError(`--data-b: the recipe ${task.name} takes ${list}; leave it out`);
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
  const { data, dataB, dataDir, recipe, evaluateNetwork } = given;
  return {
    ...given,
    ...(data !== undefined && { data: isNamedSet(data) ? data : resolve(data) }),
    ...(dataB !== undefined && { dataB: isNamedSet(dataB) ? dataB : resolve(dataB) }),
    ...(recipe !== undefined && { recipe: absoluteRecipe(recipe) }),
    ...(dataDir !== undefined && { dataDir: resolve(dataDir) }),
    ...(evaluateNetwork !== undefined && { evaluateNetwork: absoluteNetwork(evaluateNetwork) }),
  };
}
