// Weights of which little but vectors is there: the network that they claim is refused before it is built.

import { createDevice } from '@forger/tensor';
import { expect, test } from 'vitest';
import { findEither } from '../../../dcgan/src/weights/find-network.ts';
import { openSource } from '../../src/sample/source.ts';
import { readWeights } from '../../src/weights/read.ts';
import { fixture, pickled, torchZip, written } from './files.ts';

test('a network whose width follows from a few vectors is refused, not built', async () => {
  const { dict, tensor, storage, text } = pickled;
  const whole = Array.from(await readWeights(fixture('main.pth')), ([name, { shape }]) => ({ name, shape }));
  // PyTorch's layers, of which the last convolution stays and the normalisations' vectors grow.
  const claimed = whole
    .filter(({ shape }, i) => shape.length === 1 || i === whole.length - 1)
    .map(({ name, shape }) => ({ name, shape: shape.length === 1 ? [shape[0]! * 20_000] : [...shape] }));
  const items = claimed.flatMap(({ name, shape }) => [
    text(name),
    tensor(
      storage('FloatStorage', '0', 4),
      0,
      shape,
      shape.map(() => 0),
    ),
  ]);
  const path = written('x.pth', torchZip(dict(...items)));
  const opened = await openSource(path);
  const device = await createDevice();
  try {
    expect(() => findEither(opened, device)).toThrow(
      // The one where the adapter holds such tensors, the other where it does not.
      /^\S+x\.pth: the generator of recipe \w+ (would have \d{9,} numbers, and there are \d+: copy or download|cannot be built: This adapter binds at most)/,
    );
  } finally {
    device.destroy();
  }
});
