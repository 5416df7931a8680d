// Small training runs for tests: the quick recipe at its smallest, in a folder of its own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ProfileReport, RunFolder, type TrainConfig, type TrainSummary, trainRun } from '@forger/cli';
import type { StepMetrics } from '@forger/dcgan';
import type { Evaluated } from '../../src/train/reporter.ts';
import type { Tuning } from '../../src/train/tuning.ts';
import { emptyFolder } from '../cli/folders.ts';
import { config } from '../cli/settings.ts';

/** Two steps are one second on the slowest adapter. */
export const tiny: TrainConfig = {
  ...config,
  imageSize: 16,
  width: 4,
  batchSize: 8,
  steps: 6,
  sampleEvery: 4,
  checkpointEvery: 3,
};

export interface Told {
  steps: StepMetrics[];
  notes: string[];
  profile?: ProfileReport;
  totalSteps?: number;
  evaluated: Evaluated[];
}

export interface RunOptions {
  /** Folder of an existing run to go on with. */
  resume?: string;
  /** Abort once this step is known; at 0, before the data are open. */
  stopAt?: number;
  /** Abort as soon as an evaluation is under way after this step. */
  stopEvaluationAt?: number;
  /** Without captures. */
  eager?: boolean;
  /** Steps to profile. */
  profile?: number;
  /** How kernels are chosen (default off), and the folder where choices are kept. */
  tuning?: Tuning;
  tuningFolder?: string;
  /** The data were named on resuming. */
  dataNamed?: boolean;
}

/** Trains in a new folder, or goes on in an old one, as the command does. */
export async function runTraining(
  settings: TrainConfig,
  {
    resume,
    stopAt,
    stopEvaluationAt,
    eager = false,
    profile,
    tuning = 'off',
    tuningFolder,
    dataNamed = false,
  }: RunOptions = {},
): Promise<{ dir: string; summary: TrainSummary; told: Told }> {
  const dir = resume ?? join(emptyFolder(), 'run');
  const run =
    resume === undefined ? await RunFolder.create(settings, { out: dir }) : await RunFolder.open(dir);
  const abort = new AbortController();
  if (stopAt === 0) abort.abort();
  const told: Told = { steps: [], notes: [], evaluated: [] };
  const reporter = {
    start: (info: { totalSteps?: number }) => {
      if (info.totalSteps !== undefined) told.totalSteps = info.totalSteps;
    },
    step: (metrics: StepMetrics) => {
      told.steps.push(metrics);
      if (metrics.step === stopAt) abort.abort();
    },
    note: (message: string) => {
      // How far the compilation is depends on what else the machine does.
      if (!message.startsWith('Compiling ') && !message.startsWith('Evaluation every '))
        told.notes.push(message);
    },
    evaluation: (evaluated: Evaluated) => {
      told.evaluated.push(evaluated);
    },
    evaluating: ({ stage }: { stage: string }) => {
      if (
        stopEvaluationAt !== undefined &&
        stage === 'generated images' &&
        told.steps.at(-1)?.step === stopEvaluationAt
      )
        abort.abort();
    },
    sample: () => {},
    checkpoint: () => {},
    profile: (report: ProfileReport) => {
      told.profile = report;
    },
    done: () => {},
  };
  try {
    const folder = tuningFolder !== undefined && { tuningFolder };
    const io = {
      run,
      reporter,
      signal: abort.signal,
      debug: true,
      eager,
      tuning,
      ...folder,
      dataNamed,
      resume: resume !== undefined,
    };
    return {
      dir,
      summary: await trainRun(settings, { ...io, ...(profile !== undefined && { profile }) }),
      told,
    };
  } finally {
    run.close();
  }
}

/** The bytes of a checkpoint's arrays. */
export function checkpointBytes(dir: string, step: number): Buffer {
  return readFileSync(join(dir, 'checkpoints', `step-${String(step).padStart(6, '0')}.safetensors`));
}
