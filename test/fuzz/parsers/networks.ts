// Weights that look like a network of a recipe: recognised by names and shapes that may lie, and built without memory.

import { fileURLToPath } from 'node:url';
import { createDevice, type Device, Rng } from '@forger/tensor';
import { findEither } from '../../../packages/dcgan/src/weights/find-network.ts';
import { openSource } from '../../../packages/forger/src/sample/source.ts';
import { readWeights } from '../../../packages/forger/src/weights/read.ts';
import { pickled, zip } from '../../../packages/forger/test/weights/builders.ts';
import type { Draw } from '../draw.ts';
import { type Parser, type Sample, sane, single } from '../parser.ts';
import { countOf } from './tensors.ts';

const FIXTURES = ['main.pth', 'torchgan.pth', 'notebook.pth', 'chainer.npz', 'bolts.ckpt'];

type Named = [name: string, shape: readonly number[]];

const known = new Map<string, Named[]>();

/** Names and shapes of a network that another program saved. */
async function network(draw: Draw): Promise<Named[]> {
  const file = draw.pick(FIXTURES);
  const path = fileURLToPath(
    new URL(`../../../packages/forger/test/weights/fixtures/${file}`, import.meta.url),
  );
  const shapes =
    known.get(file) ?? Array.from(await readWeights(path), ([name, { shape }]): Named => [name, shape]);
  known.set(file, shapes);
  return shapes;
}

/** Next to nothing but the vectors, which say that the network is huge. */
function vectors(draw: Draw, all: readonly Named[]): Named[] {
  const times = draw.pick([100, 10_000, 1e6]);
  return all
    .filter(([, shape], i) => shape.length <= 1 || i >= all.length - 4)
    .map(([name, shape]) => [name, shape.length === 1 ? [shape[0]! * times] : shape]);
}

let device: Promise<Device> | undefined;

const { dict, start, stop, storage, tensor, text } = pickled;

const parser: Parser = {
  name: 'network',
  title: 'weights that a network is recognised by',
  generate: async (draw): Promise<Sample> => {
    // Every tensor is the same number again and again: no file is large.
    const whole = await network(draw);
    const lacking = draw.rate > 0 && draw.chance(0.1);
    if (lacking) draw.rate = 0; // else it would be no network at all
    const items = draw.list(lacking ? vectors(draw, whole) : whole).map(([name, shape]) => {
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
      const built = build(new Rng(0, { device: on }))[which];
      for (const { shape } of built!.stateDict().values()) needed += countOf(shape);
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
