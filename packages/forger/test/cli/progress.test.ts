// What a run prints where there is no terminal: plain lines, JSON lines, or one line at the end.

import { findRecipe } from '@forger/dcgan';
import { describe, expect, test } from 'vitest';
import { shellPath } from '../../src/cli/invocation.ts';
import { createReporter } from '../../src/cli/progress.ts';
import { tableLines } from '../../src/cli/table.ts';
import { duration } from '../../src/duration.ts';
import type { ProfileReport } from '../../src/train/profile.ts';
import type { StartInfo, TrainSummary } from '../../src/train/reporter.ts';
import { config, metrics } from './settings.ts';

const info: StartInfo = {
  run: 'runs/a b',
  config,
  task: findRecipe('quick'),
  data: 'glyphs, 10,000 pictures',
  adapter: 'llvmpipe',
  parameters: { generator: 1234, discriminator: 567 },
  step: 0,
  totalSteps: 80,
};
const summary: TrainSummary = {
  run: 'runs/a b',
  reason: 'interrupted',
  step: 30,
  epoch: 1,
  seconds: 75,
  imagesPerSecond: 640,
  last: metrics(30),
  sample: 'runs/a b/samples/step-000030.png',
  checkpoint: 'runs/a b/checkpoints/step-000030.safetensors',
};
const reports = { gif: 'runs/a b/samples.gif', losses: 'runs/a b/losses.svg', html: 'runs/a b/report.html' };

const report: ProfileReport = {
  profile: {
    result: 2,
    method: 'timestamps',
    adapter: 'llvmpipe',
    milliseconds: 3,
    deviceMilliseconds: 2,
    resolution: 0,
    untimed: 0,
    host: { encode: 1, submit: 1, wait: 0.5, other: 0.5 },
    kernels: [
      { name: 'adam', shape: '8', calls: 2, milliseconds: 1, flop: 0, bytes: 64, gflops: 0, gbs: 6.4e-5 },
    ],
    deviceSpans: [],
    hostSpans: [],
  },
  ceilings: { gflops: 100, gbs: 10 },
  steps: 2,
  table: ['time  ms     kernel', '50%  0.500  adam'],
  paths: { table: 'runs/a b/profile.txt', trace: 'runs/a b/profile-trace.json' },
};

/** All that a run of 30 quick steps prints. */
function printed(flags: { json: boolean; quiet: boolean }): string[] {
  let text = '';
  const reporter = createReporter(flags, {
    isTTY: false,
    write: (chunk: string | Uint8Array) => {
      text += chunk;
      return true;
    },
  });
  reporter.start(info);
  for (let step = 1; step <= 30; step++) reporter.step({ ...metrics(step), secondsLeft: 125 });
  reporter.note('2 files were skipped');
  reporter.profile(report);
  reporter.sample(summary.sample!);
  reporter.checkpoint(summary.checkpoint!);
  reporter.done(summary, reports);
  reporter.close();
  expect(text.endsWith('\n')).toBe(true);
  return text.trimEnd().split('\n');
}

describe('without a terminal', () => {
  test('plain lines come rarely and end with how to resume', () => {
    const lines = printed({ json: false, quiet: false });
    expect(lines.filter((line) => line.startsWith('step '))).toEqual([
      'step 1/80  epoch 1  2m 05s left  640 images/s  loss D 1.250  G 0.500  D(x) 0.75  D(G(z)) 0.25',
      'step 30/80  epoch 1  640 images/s  loss D 1.250  G 0.500  D(x) 0.75  D(G(z)) 0.25',
    ]);
    expect(lines).toContain('2 files were skipped');
    expect(lines).toContain('50%  0.500  adam');
    expect(lines).toContain('Stopped at step 30 after 1m 15s of training, 640 images/s.');
    expect(lines.at(-1)).toMatch(
      /^Resume with: (pnpm forger|forger|npx @forger\/cli) train --resume 'runs\/a b'$/,
    );
    expect(lines.join()).not.toContain('\u001b');
  });

  test('--json gives one object a line, for every event', () => {
    const events = printed({ json: true, quiet: false }).map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual([
      'start',
      ...Array(30).fill('step'),
      ...['note', 'profile', 'sample', 'checkpoint', 'done'],
    ]);
    expect(events[0]).toMatchObject({ run: 'runs/a b', config, totalSteps: 80 });
    // One flat object, as version 0.1 printed it.
    const { metrics: measured, ...rest } = metrics(3);
    expect(events[3]).toEqual({ event: 'step', ...rest, ...measured, secondsLeft: 125 });
    const { host, kernels } = report.profile;
    expect(events[32]).toMatchObject({ steps: 2, host, kernels, paths: report.paths });
    expect(events.at(-1)).toMatchObject({ reason: 'interrupted', step: 30, reports });
  });

  test('--quiet gives the last line alone', () => {
    expect(printed({ json: false, quiet: true })).toEqual([
      'Stopped at step 30 after 1m 15s of training, 640 images/s. runs/a b',
    ]);
  });
});

test('durations read as people say them', () => {
  expect([0, 59.4, 59.6, 125, 3600, 86_399].map(duration)).toEqual([
    '0s',
    '59s',
    '1m 00s',
    '2m 05s',
    '1h 00m',
    '23h 59m',
  ]);
});

test('paths are quoted where a shell needs it', () => {
  expect(['runs/quick-1', 'a b', "it's"].map(shellPath)).toEqual(['runs/quick-1', "'a b'", "'it'\\''s'"]);
});

test('tables align their columns', () => {
  expect(
    tableLines(
      [
        ['a', '1', 'x'],
        ['long', '100'],
      ],
      [1],
    ),
  ).toEqual(['a       1  x', 'long  100']);
});
