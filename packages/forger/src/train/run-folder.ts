// The folder of one training run: config.json, metrics.jsonl, samples/, checkpoints/, what evaluations and
// diagnosis found, and the reports beside them.

import { existsSync } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { DiagnosisEvent, StepMetrics } from '@forger/dcgan';
import { shown } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';
import { fileError, makeFolders, removeTemporaries, writeAtomic } from '../atomic-file.ts';
import { type Checkpoint, CheckpointStore, type Kept, stepName } from './checkpoint-store.ts';
import { parseConfig, type TrainConfig } from './config.ts';
import { type EvaluationLine, parseEvaluation, parseEvent } from './found-lines.ts';
import { JsonLines } from './json-lines.ts';
import { type MetricsLine, MetricsLog } from './metrics-log.ts';
import { lockFolder } from './run-lock.ts';

const DEFAULT_KEEP = 3;

export interface RunFolderOptions {
  /** Checkpoints to keep; the older ones are removed. Default 3. */
  keepCheckpoints?: number;
}

/**
 * A run's files. `create` and `open` lock the folder for this process until `close`; `read` does not lock and
 * serves what only looks (sampling, descriptions, reports).
 */
export class RunFolder {
  readonly dir: string;
  #config: TrainConfig;
  readonly #metrics: MetricsLog;
  /** What evaluations while training gave. */
  readonly evaluations: JsonLines<EvaluationLine>;
  /** What was found wrong with the run, and when it was over. */
  readonly diagnosis: JsonLines<DiagnosisEvent>;
  readonly #checkpoints: CheckpointStore;
  readonly #unlock: () => void;
  #made = false;

  private constructor(dir: string, config: TrainConfig, options: RunFolderOptions, unlock: () => void) {
    this.dir = dir;
    this.#config = config;
    this.#metrics = new MetricsLog(join(dir, 'metrics.jsonl'));
    this.evaluations = new JsonLines(join(dir, 'evaluations.jsonl'), parseEvaluation);
    this.diagnosis = new JsonLines(join(dir, 'diagnosis.jsonl'), parseEvent);
    this.#checkpoints = new CheckpointStore(
      join(dir, 'checkpoints'),
      options.keepCheckpoints ?? DEFAULT_KEEP,
    );
    this.#unlock = unlock;
  }

  /**
   * Makes a new run folder: `options.out`, or `runs/<name>-<YYYYMMDD-HHMMSS>` in the working folder, by the
   * task's name.
   * @throws ConfigError when it cannot be written, or holds anything already.
   */
  static async create(
    config: TrainConfig,
    options: RunFolderOptions & { out?: string; name?: string; now?: Date } = {},
  ): Promise<RunFolder> {
    const { out, name = config.recipe, now = new Date() } = options;
    const [dir, made] = await (out === undefined
      ? freshFolder(join('runs', `${name}-${stamp(now)}`))
      : namedFolder(out));
    let unlock = () => {};
    try {
      await refuseUnlessEmpty(dir);
      unlock = lockFolder(dir);
      await refuseUnlessEmpty(dir); // another process may have begun and ended a run since
      const run = new RunFolder(dir, config, options, unlock);
      run.#made = made;
      await run.#begin(config);
      return run;
    } catch (error) {
      unlock();
      if (made) await removeIfEmpty(dir);
      throw error;
    }
  }

  /**
   * Opens an existing run to continue it, and clears what a crash left half-written.
   * @throws ConfigError when it is no run, its config.json is at fault, or another process is writing to it.
   */
  static async open(dir: string, options: RunFolderOptions = {}): Promise<RunFolder> {
    const config = await readConfig(dir);
    const unlock = lockFolder(dir);
    try {
      for (const folder of [dir, join(dir, 'samples'), join(dir, 'checkpoints')]) {
        await makeFolder(folder);
        await removeTemporaries(folder);
      }
    } catch (error) {
      unlock();
      throw error;
    }
    return new RunFolder(dir, config, options, unlock);
  }

  /** Opens an existing run to look at, also while it trains. @throws ConfigError as `open`, the lock aside. */
  static async read(dir: string): Promise<RunFolder> {
    return new RunFolder(dir, await readConfig(dir), {}, () => {});
  }

  /** The run's settings, as config.json has them. */
  get config(): TrainConfig {
    return this.#config;
  }

  // First the settings: from then on it is a run that can be resumed, and until then nothing is in the way of another.
  async #begin(config: TrainConfig): Promise<void> {
    try {
      await removeTemporaries(this.dir);
      await this.saveConfig(config);
      await makeFolder(this.path('samples'));
      await makeFolder(this.path('checkpoints'));
    } catch (error) {
      await this.discardIfUntrained();
      throw error;
    }
  }

  /** Replaces config.json: a resumed run may have a new end. */
  async saveConfig(config: TrainConfig): Promise<void> {
    await writeAtomic(this.path('config.json'), `${JSON.stringify(config, null, 2)}\n`);
    this.#config = config;
  }

  /** A path inside the folder. */
  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /** Adds a line to metrics.jsonl; it reaches the disk with the next checkpoint, `flush` or `close`, or sooner. */
  appendMetrics(metrics: StepMetrics): void {
    this.#metrics.append(metrics);
  }

  /** Writes the metrics that are still in memory. */
  flush(): void {
    this.#metrics.flush();
  }

  /** Every step's metrics so far. */
  readMetrics(): MetricsLine[] {
    return this.#metrics.read();
  }

  /** Where the sample grid of a step belongs, `samples/step-000100.png`, or that of an average of weights by its name,
   * `…-ema.png`. */
  samplePath(step: number, average?: string): string {
    return this.path('samples', `${stepName(step)}${average === undefined ? '' : `-${average}`}.png`);
  }

  /** Where the grid of training images belongs, beside which generated ones are shown. */
  get realPath(): string {
    return this.path('real.png');
  }

  /** The sample grids of the networks' own weights so far, in the order of their steps. */
  async samples(): Promise<{ step: number; path: string }[]> {
    const grids = await this.#grids();
    return grids.filter(({ average }) => average === undefined).map(({ step, path }) => ({ step, path }));
  }

  /** All sample grids, in the order of their steps. */
  async #grids(): Promise<{ step: number; average: string | undefined; path: string }[]> {
    const folder = this.path('samples');
    if (!existsSync(folder)) return [];
    const grids = (await readdir(folder)).flatMap((name) => {
      const match = /^step-(\d+)(?:-([A-Za-z][\w-]*))?\.png$/.exec(name);
      return match ? [{ step: Number(match[1]), average: match[2], path: join(folder, name) }] : [];
    });
    return grids.sort((a, b) => a.step - b.step);
  }

  /**
   * Saves a checkpoint with a checksum, in a way that a crash cannot leave half of it, and removes the oldest.
   * @param bytes a safetensors file; @param meta anything JSON can hold. @param kept whether it is the best one so far.
   * @returns the path of the safetensors file. @throws ConfigError when it cannot be written.
   */
  async writeCheckpoint(step: number, bytes: Uint8Array, meta: object, kept: Kept = 'step'): Promise<string> {
    this.#metrics.flush(true);
    return this.#checkpoints.write(step, bytes, meta, kept);
  }

  /** Steps that have a checkpoint, in ascending order. */
  async checkpointSteps(): Promise<number[]> {
    return existsSync(this.#checkpoints.dir) ? this.#checkpoints.steps() : [];
  }

  /**
   * The newest checkpoint whose checksum is right, with notes on damaged newer ones; undefined before the first.
   * @throws CheckpointError when all are damaged.
   */
  async latestCheckpoint(): Promise<{ checkpoint: Checkpoint; notes: string[] } | undefined> {
    return existsSync(this.#checkpoints.dir) ? this.#checkpoints.latest() : undefined;
  }

  /** The best checkpoint, as `latestCheckpoint`; undefined where none was kept. */
  async bestCheckpoint(): Promise<{ checkpoint: Checkpoint; notes: string[] } | undefined> {
    return existsSync(this.#checkpoints.dir) ? this.#checkpoints.latest('best') : undefined;
  }

  /** The steps of the best checkpoints that are kept; the last of them is the best. */
  async bestSteps(): Promise<number[]> {
    return existsSync(this.#checkpoints.dir) ? this.#checkpoints.steps('best') : [];
  }

  /**
   * Goes back to a step, before training on from its checkpoint: later metrics, evaluations and sample grids
   * are dropped, later best checkpoints too, later (damaged) checkpoints set aside.
   */
  async rewind(step: number): Promise<void> {
    await this.#metrics.truncate(step);
    await this.evaluations.truncate(step);
    await this.diagnosis.truncate(step);
    for (const { step: sampled, path } of await this.#grids())
      if (sampled > step) await rm(path, { force: true });
    await this.#checkpoints.setAsideAfter(step);
  }

  /** Writes what is in memory and unlocks the folder. */
  close(): void {
    try {
      this.flush();
    } finally {
      this.#unlock();
    }
  }

  /**
   * Closes the folder, and removes what `create` made if nothing was trained: a run that fails by its first
   * step leaves no trace.
   */
  async discardIfUntrained(): Promise<void> {
    // The grid of step 0 shows the first weights: no step was needed for it.
    const all = await this.#grids();
    const grids = all.filter(({ step }) => step > 0);
    const trained = this.readMetrics().length + grids.length + (await this.checkpointSteps()).length;
    if (trained > 0) return this.close();
    // The folder is still locked, so no other process uses these files.
    const own = [this.path('config.json'), this.realPath, this.diagnosis.path];
    const files = [...own, ...all.map(({ path }) => path)];
    for (const file of files) await rm(file, { force: true });
    for (const folder of [this.path('samples'), this.path('checkpoints')]) await removeIfEmpty(folder);
    this.close();
    if (this.#made) await removeIfEmpty(this.dir);
  }
}

async function removeIfEmpty(folder: string): Promise<void> {
  await rmdir(folder).catch(() => {}); // anything else that lies there stays
}

async function refuseUnlessEmpty(dir: string): Promise<void> {
  if (existsSync(join(dir, 'config.json'))) {
    await readConfig(dir); // throws if this is not the config.json of a run
    throw new ConfigError(
      `${dir} already holds a run: continue it with --resume ${dir}, or choose another folder for --out`,
    );
  }
  const others = (await readdir(dir)).filter((name) => !name.startsWith('.') && name !== 'run.lock');
  if (others.length > 0) {
    throw new ConfigError(
      `${dir} is neither empty nor a run (it holds ${others[0]}): choose another folder for --out`,
    );
  }
}

async function readConfig(dir: string): Promise<TrainConfig> {
  const path = join(dir, 'config.json');
  if (!existsSync(dir))
    throw new ConfigError(
      `${dir}: there is no such folder: check the path; runs are made below runs/ unless --out says otherwise`,
    );
  if (!existsSync(path))
    throw new ConfigError(
      `${dir} is not a run: it has no config.json; name a folder that \`forger train\` made`,
    );
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new ConfigError(
        `${path} is not JSON: ${shown(error.message, 150)}; restore it, or start a new run`,
      );
    throw fileError('read', path, error);
  }
  return parseConfig(value, path);
}

async function makeFolder(dir: string): Promise<boolean> {
  try {
    return await makeFolders(dir);
  } catch (error) {
    throw fileError('make the folder', resolve(dir), error);
  }
}

// The folder, and whether it was not there before.
async function namedFolder(dir: string): Promise<[string, boolean]> {
  return [dir, await makeFolder(dir)];
}

// Runs that start within one second, or after the clock was set back, get names of their own.
async function freshFolder(name: string): Promise<[string, boolean]> {
  for (let n = 1; ; n++) {
    const dir = n === 1 ? name : `${name}-${n}`;
    if (await makeFolder(dir)) return [dir, true];
  }
}

// Local time as YYYYMMDD-HHMMSS.
function stamp(time: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const date = `${time.getFullYear()}${two(time.getMonth() + 1)}${two(time.getDate())}`;
  return `${date}-${two(time.getHours())}${two(time.getMinutes())}${two(time.getSeconds())}`;
}
