// What a run folder holds: settings, checkpoints, metrics, the lock and sample grids; and the tuner's cache.

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { ForgerError, readSafetensors, writeSafetensors } from '@forger/tensor';
import { findRecipe } from '../../../packages/dcgan/src/recipes/index.ts';
import { checkOptions } from '../../../packages/dcgan/src/recipes/options.ts';
import { lossesSvg } from '../../../packages/forger/src/report/losses.ts';
import { writeReports } from '../../../packages/forger/src/report/report.ts';
import { readMeta } from '../../../packages/forger/src/train/checkpoint.ts';
import { optionsOf, resumeConfig, type TrainConfig } from '../../../packages/forger/src/train/config.ts';
import { RunFolder } from '../../../packages/forger/src/train/run-folder.ts';
import { lockFolder } from '../../../packages/forger/src/train/run-lock.ts';
import { readChoices } from '../../../packages/forger/src/train/tuning.ts';
import { config, metrics } from '../../../packages/forger/test/cli/settings.ts';
import type { Draw } from '../draw.ts';
import { json } from '../json.ts';
import { type Parser, type Sample, sane } from '../parser.ts';
import { lying, sound } from './pictures.ts';

const RECIPES = ['quick', 'pytorch', 'radford', 'chainer', 'vanilla', 'tensorflow'];

function settings(draw: Draw): TrainConfig {
  const extra = {
    epochs: 5,
    dataDir: '/data',
    loss: 'lsgan',
    labelSmoothing: 0.1,
    nDis: 2,
    dLr: 1e-4,
    ema: 0.999,
    spectralNorm: true,
    noise: 0.1,
    kernels: { 'conv 3x32': 'naive', x: 'y' },
  };
  const { steps, ...rest } = config;
  const some = Object.entries(extra).filter(([name]) => name !== 'epochs' && draw.chance(0.3));
  const recipe = draw.rate === 0 ? config.recipe : draw.pick(RECIPES);
  return { ...rest, recipe, steps, ...Object.fromEntries(some) } as TrainConfig;
}

/** The run's files, its settings among them, below `run/`. */
function runOf(draw: Draw, files: Record<string, Uint8Array | string>, lies = false): Sample {
  const text = lies ? json(draw, settings(draw)) : JSON.stringify(settings(draw));
  const all = Object.entries({ 'config.json': text, ...files });
  return { files: new Map(all.map(([name, content]) => [`run/${name}`, content])), target: 'run' };
}

/** Runs a check of settings, whose refusals need not name the file that they came from. */
function ofSettings(check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ForgerError)) throw error;
    sane(error.message.length < 500, error.message.slice(0, 500));
  }
}

const configParser: Parser = {
  name: 'config',
  title: 'config.json, the settings of a run',
  generate: (draw) => runOf(draw, {}, true),
  read: async (path) => {
    const { config: read } = await RunFolder.read(path);
    // These know nothing of the file.
    ofSettings(() => findRecipe(read.recipe).checkSizes(read));
    ofSettings(() => checkOptions(optionsOf(read)));
    sane(JSON.stringify(resumeConfig(read, {}, path)).length > 0, 'settings that cannot be resumed');
    for (const [name, value] of Object.entries(read))
      sane(typeof value !== 'number' || Number.isFinite(value), `${name} is ${value}`);
  },
};

const ZEROS = '0'.repeat(64);
const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

/** A checkpoint's JSON, its checksum right whatever it says. */
function sealed(text: string): string {
  const open = `${text.slice(0, -1)},\n  "checksum": "${ZEROS}"\n}\n`;
  return open.replace(ZEROS, sha256(open));
}

const checkpointParser: Parser = {
  name: 'checkpoint',
  title: "a checkpoint's JSON and safetensors as a pair",
  generate: (draw) => {
    const data = Float32Array.from({ length: 6 }, () => draw.next());
    const weights = draw.part(writeSafetensors([['generator.a', { shape: [2, 3], data }]], { format: 'pt' }));
    const record = {
      format: 'forger-checkpoint',
      version: 2,
      step: 6,
      size: draw.twists() ? draw.number(weights.length) : weights.length,
      sha256: sha256(weights),
      meta: {
        config: settings(draw),
        data: { fingerprint: 'f', epoch: 0, position: 6 },
        seconds: 1.5,
      },
    };
    const text = sealed(json(draw, record));
    return runOf(draw, {
      'checkpoints/step-000006.safetensors': weights,
      'checkpoints/step-000006.json': draw.part(Buffer.from(text)),
    });
  },
  read: async (path) => {
    const run = await RunFolder.read(path);
    const found = await run.latestCheckpoint();
    sane(found !== undefined, 'the checkpoint was not found');
    const { checkpoint } = found;
    sane(Number.isSafeInteger(checkpoint.step) && checkpoint.step === 6, `the step is ${checkpoint.step}`);
    const meta = readMeta(checkpoint);
    sane(Number.isFinite(meta.seconds), `${meta.seconds} seconds`);
    readSafetensors(checkpoint.bytes);
  },
  anonymous: /^A safetensors file was expected/,
};

function metricsText(draw: Draw, steps: number): string {
  const lines = Array.from({ length: steps }, (_, i) => {
    const { step, epoch, metrics: measured, imagesPerSecond, seconds } = metrics(i + 1);
    return json(draw, { step, epoch, ...measured, imagesPerSecond, seconds, secondsLeft: 1 });
  });
  return draw
    .list(lines)
    .map((line) => `${line}${draw.twists() ? draw.hostileText() : '\n'}`)
    .join('');
}

const metricsParser: Parser = {
  name: 'metrics',
  title: 'metrics.jsonl, and the drawing made of it',
  generate: (draw) => runOf(draw, { 'metrics.jsonl': metricsText(draw, draw.int(0, 30)) }),
  read: async (path) => {
    const run = await RunFolder.read(path);
    const lines = run.readMetrics();
    for (const line of lines) sane(Number.isSafeInteger(line.step) && line.step >= 0, `step ${line.step}`);
    const svg = lossesSvg(lines, 'run');
    sane(!/NaN|Infinity|undefined/.test(svg), 'the drawing has numbers that are none');
    sane(svg.length < 1e6, `the drawing has ${svg.length} characters`);
  },
};

const reportParser: Parser = {
  name: 'report',
  title: 'the reports of a run whose grids are damaged',
  generate: async (draw) => {
    const grids = [1, 2, 3].map((step) => `samples/step-00000${step}.png`);
    const files: Record<string, Uint8Array | string> = { 'metrics.jsonl': metricsText(draw, 3) };
    for (const name of grids) files[name] = draw.part(lying(draw, await sound('png', 0), 'png'));
    return runOf(draw, files);
  },
  read: async (path) => {
    const { gif, losses, html } = await writeReports(await RunFolder.read(path), []);
    sane(
      [gif, losses, html].every((name) => name === undefined || name.startsWith(path)),
      'elsewhere',
    );
  },
  writes: /^run\/(samples\.gif|losses\.svg|report\.html)$/,
};

const lockParser: Parser = {
  name: 'run-lock',
  title: 'run.lock',
  generate: (draw) => {
    const owner = {
      pid: 2 ** 22 + 1,
      host: draw.twists() ? draw.hostileText() : hostname(),
      started: '1',
      id: 'x',
    };
    return runOf(draw, { 'run.lock': json(draw, owner) });
  },
  read: async (path) => {
    lockFolder(path)();
  },
  writes: /^run\/\.?\.?run\.lock/,
};

const tunerParser: Parser = {
  name: 'tuner-cache',
  title: "the tuner's cache",
  generate: (draw) => {
    const file = { version: 1, adapter: 'llvmpipe', choices: { 'conv 1x2': 'naive', 'gemm 3': 'tiled' } };
    return { files: new Map([['0123.json', json(draw, file)]]), target: '0123.json' };
  },
  read: async (path) => {
    const notes: string[] = [];
    const choices = await readChoices(path, 'llvmpipe', { note: (text) => notes.push(text) });
    sane(
      Object.values(choices).every((core) => typeof core === 'string'),
      'choices that are no names',
    );
    sane(
      notes.every((note) => note.includes(path) && !note.includes('\n')),
      `a note that says ${notes}`,
    );
  },
};

export const parsers = [configParser, checkpointParser, metricsParser, reportParser, lockParser, tunerParser];
