// Tensors for weight files, and what must hold of those that are read.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseWeights } from '../../../packages/dcgan/src/weights/parse.ts';
import { readWeights } from '../../../packages/forger/src/weights/read.ts';
import type { Draw } from '../draw.ts';
import { guarded, type Parser, type Sample, sane } from '../parser.ts';

/** Names as the formats' writers give them. */
const NAMES = [
  'main.0.weight',
  'main.1.running_mean',
  'l0/W',
  'bn0/gamma',
  'model.0.0.weight',
  'netG.fc.bias',
];

export interface DrawnTensor {
  name: string;
  shape: number[];
  /** Of any length up to what the shape needs of float64. */
  bytes: Buffer;
}

export const countOf = (shape: readonly number[]) => shape.reduce((n, d) => n * d, 1);

/** A few tensors of different names. */
export function tensors(draw: Draw, bytesEach: () => number): DrawnTensor[] {
  return draw.several(1, 6, (i) => {
    const shape = draw.several(0, 4, () => draw.int(1, 4));
    return { name: `${draw.pick(NAMES)}${i}`, shape, bytes: draw.bytes(countOf(shape) * bytesEach()) };
  });
}

/** Reads every tensor. @returns a line for each. */
async function contents(entries: Awaited<ReturnType<typeof parseWeights>>): Promise<string[]> {
  const lines: string[] = [];
  for (const [name, entry] of entries) {
    const data = await entry.read();
    sane(data.length === countOf(entry.shape), `${name} has ${data.length} values of [${entry.shape}]`);
    const hash = createHash('sha1').update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    lines.push(`${name} ${entry.dtype} [${entry.shape}] ${hash.digest('hex')}`);
  }
  return lines;
}

const refused = (error: Error, name: string) => [`refused: ${error.message.replace(`${name}: `, '')}`];

/** Reads a weight file twice, once from memory with other bytes around it: what lies around must not matter. */
export const readAll: Parser['read'] = async (path, { target }: Sample) => {
  const within = await parseWeights(guarded(readFileSync(path)), target)
    .then(contents)
    .catch((error: Error) => refused(error, target));
  const failure = await readWeights(path)
    .then(contents)
    .then(
      (lines) => ({ lines }),
      (error: Error) => ({ lines: refused(error, path), error }),
    );
  sane(
    within.join('\n') === failure.lines.join('\n'),
    `read as ${failure.lines.join('; ').slice(0, 200)} alone, and as ${within.join('; ').slice(0, 200)} among other bytes`,
  );
  if ('error' in failure) throw failure.error;
};
