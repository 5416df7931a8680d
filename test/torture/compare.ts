// A run that was killed and resumed beside one that was left alone: weights, metrics, pictures and order of its folder.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What of a run must be the same whatever it went through. */
export interface Result {
  /** The newest checkpoint: its name, its arrays byte for byte, and what lies beside them, times aside. */
  readonly checkpoint: string;
  readonly weights: Buffer;
  readonly beside: string;
  /** Of every step, what was measured of the networks. */
  readonly metrics: readonly string[];
  /** Sample grids by name. */
  readonly samples: ReadonlyMap<string, Buffer>;
}

export function readResult(dir: string): Result {
  const folder = join(dir, 'checkpoints');
  const checkpoint = readdirSync(folder)
    .filter((name) => /^step-\d+\.safetensors$/.test(name))
    .sort()
    .at(-1);
  if (checkpoint === undefined) throw new Error(`${dir} has no checkpoint`);
  const { meta, step, sha256 } = JSON.parse(
    readFileSync(join(folder, checkpoint.replace('.safetensors', '.json')), 'utf8'),
  );
  const grids = readdirSync(join(dir, 'samples')).filter((name) => name.endsWith('.png'));
  return {
    checkpoint,
    weights: readFileSync(join(folder, checkpoint)),
    beside: JSON.stringify({ step, sha256, data: meta.data, config: meta.config }),
    metrics: readMetrics(dir).map(({ step, epoch, lossD, lossG, dReal, dFake }) =>
      JSON.stringify({ step, epoch, lossD, lossG, dReal, dFake }),
    ),
    samples: new Map(grids.map((name) => [name, readFileSync(join(dir, 'samples', name))])),
  };
}

/** What differs; empty when nothing does. @param stops steps at which the run was stopped, and so drew a grid. */
export function differences(found: Result, expected: Result, stops: readonly number[]): string[] {
  const faults: string[] = [];
  if (found.checkpoint !== expected.checkpoint)
    faults.push(`the last checkpoint is ${found.checkpoint}, not ${expected.checkpoint}`);
  if (!found.weights.equals(expected.weights)) faults.push('the weights differ');
  if (found.beside !== expected.beside) faults.push(`the JSON differs: ${found.beside}`);
  const line = expected.metrics.findIndex((text, i) => text !== found.metrics[i]);
  if (line >= 0) faults.push(`metrics differ from line ${line + 1}: ${found.metrics[line]}`);
  else if (found.metrics.length !== expected.metrics.length)
    faults.push(`metrics have ${found.metrics.length} lines, not ${expected.metrics.length}`);
  for (const [name, bytes] of expected.samples) {
    const other = found.samples.get(name);
    if (!other) faults.push(`samples/${name} is missing`);
    else if (!other.equals(bytes)) faults.push(`samples/${name} differs`);
  }
  for (const name of found.samples.keys()) {
    if (!expected.samples.has(name) && !stops.includes(Number(/\d+/.exec(name)![0])))
      faults.push(`samples/${name} is one too many`);
  }
  return faults;
}

/** What lies about in the folder of a run that is over, and should not; and time that ran backwards. */
export function disorder(dir: string): string[] {
  const faults: string[] = [];
  for (const folder of ['.', 'samples', 'checkpoints']) {
    for (const name of readdirSync(join(dir, folder))) {
      if (name.startsWith('.') || name.endsWith('.damaged') || name === 'run.lock')
        faults.push(`${join(folder, name)} was left`);
    }
  }
  for (const name of ['report.html', 'losses.svg', 'samples.gif'])
    if (!existsSync(join(dir, name))) faults.push(`${name} is missing`);
  const times = readMetrics(dir).map(({ seconds }) => Number(seconds));
  const back = times.findIndex((time, i) => i > 0 && time < times[i - 1]!);
  if (back > 0) faults.push(`the time of step ${back + 1} is before that of step ${back}`);
  return faults;
}

function readMetrics(dir: string): Record<string, unknown>[] {
  return readFileSync(join(dir, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
