// Records the losses that gpu-check compares with, on this machine's adapter. By the rules, in place of what
// was recorded:
// `node scripts/run.mjs bench/gpu-check/record-losses.ts quick`; then with some algorithms forced, beside it:
// `… record-losses.ts quick texture subgroup`. Runs that differ in nothing but rounding say how far apart it
// drives them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { algorithmsOf, onAlgorithmThroughout, openDevice } from './forger.ts';
import { type Recorded, readRecorded, recordedPath } from './losses.ts';
import { type Losses, train, trainingRuns } from './training-run.ts';

/** Digits that are kept: far more than the tolerance. */
const DIGITS = 6;

/** Trains by the rules, or with an algorithm forced. @returns the losses, and the adapter they were computed on. */
async function record(name: keyof typeof trainingRuns, algorithm: string | null) {
  const device = await openDevice({ rules: 'own' });
  const known = algorithmsOf(device);
  if (algorithm !== null && !known.includes(algorithm))
    throw new Error(`${algorithm}: this adapter has ${known.join(', ')}.`);
  const losses: Losses[] = [];
  await onAlgorithmThroughout(device, algorithm, () =>
    train(device, trainingRuns[name], {
      onStep: ([d, g], step) => {
        losses.push([Number(d.toPrecision(DIGITS)), Number(g.toPrecision(DIGITS))]);
        if (step % 10 === 0) console.error(`${algorithm ?? 'rules'}: step ${step + 1}`);
        return true;
      },
    }),
  );
  const { description, device: model } = device.adapter;
  device.destroy();
  return { losses, adapter: description || model };
}

const [, , asked, ...algorithms] = process.argv;
const name = Object.keys(trainingRuns).find((one) => one === asked) as keyof typeof trainingRuns | undefined;
if (!name) {
  console.error(`Usage: record-losses.ts ${Object.keys(trainingRuns).join('|')} [ALGORITHM …]`);
  process.exit(2);
}
for (const algorithm of algorithms.length > 0 ? algorithms : [null]) {
  const { losses, adapter } = await record(name, algorithm);
  const date = new Date().toISOString().slice(0, 10);
  const before =
    algorithm === null ? [] : readRecorded(name).runs.filter((one) => one.algorithm !== algorithm);
  const runs = [...before, { algorithm: algorithm ?? 'rules', losses }];
  const recorded: Recorded = { ...trainingRuns[name], adapter, date, runs };
  mkdirSync(dirname(recordedPath(name)), { recursive: true });
  // After each, as a run takes minutes.
  writeFileSync(recordedPath(name), `${JSON.stringify(recorded)}\n`);
}
