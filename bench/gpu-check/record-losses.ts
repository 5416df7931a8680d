// Records the losses that gpu-check compares with, on this machine's adapter:
// `node scripts/run.mjs bench/gpu-check/record-losses.ts quick [CORE …]`, first by the rules, then with each algorithm forced:
// runs that differ in nothing but rounding say how far apart it drives them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type AlgorithmName, algorithmsOf, onAlgorithmThroughout, openDevice } from './forger.ts';
import { type Recorded, recordedPath } from './losses.ts';
import { type Losses, train, trainingRuns } from './training-run.ts';

/** Digits that are kept: far more than the tolerance. */
const DIGITS = 6;

async function record(name: keyof typeof trainingRuns, algorithm: string | null): Promise<Losses[]> {
  const device = await openDevice({ rules: 'own' });
  const known = algorithmsOf(device).find((one) => one === algorithm) ?? null;
  if (algorithm !== null && known === null)
    throw new Error(`${algorithm}: this adapter has ${algorithmsOf(device).join(', ')}.`);
  const losses: Losses[] = [];
  await onAlgorithmThroughout(device, known as AlgorithmName | null, () =>
    train(device, trainingRuns[name], {
      onStep: ([d, g]) => {
        losses.push([Number(d.toPrecision(DIGITS)), Number(g.toPrecision(DIGITS))]);
        return true;
      },
    }),
  );
  device.destroy();
  return losses;
}

const [, , asked, ...algorithms] = process.argv;
const name = Object.keys(trainingRuns).find((one) => one === asked) as keyof typeof trainingRuns | undefined;
if (!name) {
  console.error(`Usage: record-losses.ts ${Object.keys(trainingRuns).join('|')} [CORE …]`);
  process.exit(2);
}
const runs: { algorithm: string; losses: Losses[] }[] = [];
for (const algorithm of [null, ...algorithms])
  runs.push({ algorithm: algorithm ?? 'rules', losses: await record(name, algorithm) });
const device = await openDevice({ rules: 'own' });
const recorded: Recorded = {
  ...trainingRuns[name],
  adapter: device.adapter.description || device.adapter.device,
  date: new Date().toISOString().slice(0, 10),
  runs,
};
device.destroy();
mkdirSync(dirname(recordedPath(name)), { recursive: true });
writeFileSync(recordedPath(name), `${JSON.stringify(recorded)}\n`);
