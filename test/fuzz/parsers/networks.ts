// Weights that look like a network of a recipe: recognised by names and shapes that may lie, and built without memory.

import { fileURLToPath } from 'node:url';
import { createDevice, type Device, Generator } from '@forger/tensor';
import { findEither, openSource } from '../../../packages/dcgan/src/sample/source.ts';
import { readWeights } from '../../../packages/dcgan/src/weights/read.ts';
import { pickled, zip } from '../../weights/builders.ts';
import type { Draw } from '../draw.ts';
import { type Parser, type Sample, sane, single } from '../parser.ts';
import { countOf } from './tensors.ts';

const FIXTURES = ['main.pth', 'torchgan.pth', 'notebook.pth', 'chainer.npz', 'bolts.ckpt'];

const known = new Map<string, [name: string, shape: readonly number[]][]>();

/** Names and shapes of a network that another program saved. */
async function network(draw: Draw): Promise<[name: string, shape: readonly number[]][]> {
  const file = draw.pick(FIXTURES);
  const path = fileURLToPath(new URL(`../../weights/fixtures/${file}`, import.meta.url));
  const shapes =
    known.get(file) ?? Array.from(await readWeights(path), ([name, { shape }]) => [name, shape] as const);
  known.set(file, shapes as [string, readonly number[]][]);
  return shapes as [string, readonly number[]][];
}

let device: Promise<Device> | undefined;

const { dict, start, stop, storage, tensor, text } = pickled;

const parser: Parser = {
  name: 'network',
  title: 'weights that a network is recognised by',
  generate: async (draw): Promise<Sample> => {
    // Every tensor is the same number again and again: no file is large.
    const items = draw.list(await network(draw)).map(([name, shape]) => {
      const sizes = draw.list(shape).map((n) => {
        const size = draw.number(n);
        return Number.isSafeInteger(size) && size >= 0 ? size : n;
      });
      const one = tensor(
        storage('FloatStorage', '0', 1),
        0,
        sizes,
        sizes.map(() => 0),
      );
      return [text(draw.text(name)), one];
    });
    const value = dict(...items.flat());
    return single(
      'x.pth',
      zip([
        { name: 'x/data.pkl', bytes: Buffer.concat([start, value, stop]) },
        { name: 'x/data/0', bytes: Buffer.alloc(4) },
      ]),
    );
  },
  read: async (path) => {
    device ??= createDevice();
    const on = await device;
    const { build, sizes, weights, network: which } = findEither(await openSource(path), on);
    let [needed, held] = [0, 0];
    on.dryRun(() => {
      const built = build(new Generator(0, { device: on }))[which];
      for (const { shape } of built.stateDict().values()) needed += countOf(shape);
    });
    for (const { shape } of weights!.values()) held += countOf(shape);
    sane(
      needed < Math.max(2 ** 27, 5 * held),
      `a network of ${needed} numbers from a file of ${held}: ${JSON.stringify(sizes)}`,
    );
  },
  whole: true,
};

export const parsers = [parser];
