// Files that PyTorch and numpy wrote (fixtures/make.py) are read as what they hold.

import { writeSafetensors } from '@forger/tensor';
import { describe, expect, test } from 'vitest';
import type { WeightEntries } from '../../../dcgan/src/weights/entry.ts';
import { readWeights } from '../../src/weights/read.ts';
import { fixture, npy, pickled, torchZip, written, zip } from './files.ts';

async function values(entries: WeightEntries) {
  const read = Array.from(entries, async ([name, entry]) => {
    const { shape } = entry;
    return [
      name,
      { shape: [...shape], data: Array.from<number | bigint, number>(await entry.read(), Number) },
    ];
  });
  return Object.fromEntries(await Promise.all(read));
}

const dtypes = (entries: WeightEntries): string[] => [
  ...new Set(Array.from(entries.values(), (e) => e.dtype)),
];

describe('PyTorch files', () => {
  test('the ZIP and the older format hold the same', async () => {
    const entries = await readWeights(fixture('main.pth'));
    expect([...entries.keys()].slice(0, 6)).toEqual([
      'main.0.weight',
      'main.1.weight',
      'main.1.bias',
      'main.1.running_mean',
      'main.1.running_var',
      'main.1.num_batches_tracked',
    ]);
    expect(entries.get('main.0.weight')!.shape).toEqual([3, 2, 4, 4]);
    expect(entries.get('main.1.num_batches_tracked')).toMatchObject({ shape: [], dtype: 'int64' });
    const read = await values(entries);
    expect(read['main.1.num_batches_tracked']!.data).toEqual([7]);
    const weight = read['main.0.weight']!.data;
    // Multiples of 1/64 between -1/2 and 1/2, as the script draws them, and not all alike.
    expect(weight.every((w: number) => Number.isInteger(64 * w) && Math.abs(w) <= 0.5)).toBe(true);
    expect(new Set(weight).size).toBeGreaterThan(20);
    expect(await values(await readWeights(fixture('main-legacy.pth')))).toEqual(read);
  });

  test('float16, bfloat16 and float64 come as float32; views with any strides in order', async () => {
    const read = await values(await readWeights(fixture('main.pth')));
    const half = await readWeights(fixture('float16.pth'));
    expect(dtypes(half)).toEqual(['float16', 'int64']);
    expect(await values(half)).toEqual(read);
    const brain = await readWeights(fixture('data-parallel-bfloat16.pth'));
    expect(dtypes(brain)).toEqual(['bfloat16', 'int64']);
    const bare = Object.entries(await values(brain)).map(([name, entry]) => [
      name.replace('module.', ''),
      entry,
    ]);
    expect(Object.fromEntries(bare)).toEqual(read);
    const double = await readWeights(fixture('strided-float64.pth'));
    expect(dtypes(double)).toEqual(['float64', 'int64']);
    expect(await values(double)).toEqual(read);
    for (const entries of [half, brain, double])
      expect(await entries.values().next().value!.read()).toBeInstanceOf(Float32Array);
  });

  test('names of nested dictionaries are joined; what is no tensor is left out', async () => {
    const entries = await readWeights(fixture('checkpoint.pth'));
    const first = new Set(Array.from(entries.keys(), (name) => name.split('.')[0]));
    expect([...first]).toEqual(['netG', 'netD', 'optimizerG']);
    expect(entries.has('optimizerG.state.0.momentum_buffer')).toBe(true);
    const read = await values(await readWeights(fixture('main.pth')));
    const weight = await entries.get('netG.main.3.weight')!.read();
    expect([...weight]).toEqual(read['main.3.weight']!.data);
  });

  test('an OrderedDict may be made from a list of pairs, as Python 2 wrote it, and tensors may be parameters', async () => {
    const tensor = pickled.tensor(pickled.storage('FloatStorage', '0', 4), 1, [2], [2]);
    const parameter = pickled.call(
      pickled.global('torch._utils', '_rebuild_parameter'),
      tensor,
      Buffer.from([0x88]),
      pickled.call(pickled.global('collections', 'OrderedDict')),
    );
    const name = Buffer.concat([Buffer.from([0x55, 3]), Buffer.from('l.w')]); // a string of Python 2
    const pairs = Buffer.concat([Buffer.from(']('), pickled.tuple(name, parameter), Buffer.from('e')]);
    const body = pickled.call(pickled.global('collections', 'OrderedDict'), pairs);
    const path = written('old.pth', torchZip(body, Float32Array.of(10, 11, 12, 13)));
    expect(await values(await readWeights(path))).toEqual({ 'l.w': { shape: [2], data: [11, 13] } });
  });
});

describe('numpy files', () => {
  test("are read under Chainer's names", async () => {
    const entries = await readWeights(fixture('chainer.npz'));
    expect(entries.size).toBe(30);
    expect(entries.get('dc1/W')!.shape).toEqual([8, 4, 4, 4]);
    expect(entries.get('bn0/N')).toMatchObject({ shape: [], dtype: 'int64' });
    expect(await entries.get('bn0/N')!.read()).toEqual(BigInt64Array.of(7n));
  });

  test('may be in the order of Fortran, and of other types', async () => {
    const data = new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer);
    const fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }";
    const half = "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }";
    const path = written(
      'a.npz',
      zip([
        { name: 'f.npy', bytes: npy([2, 3], data, fortran), deflate: true },
        { name: 'h.npy', bytes: npy([2], Uint8Array.of(0, 0x3c, 0, 0xc0), half) },
        { name: 'none.npy', bytes: npy([0], new Uint8Array()) },
      ]),
    );
    expect(await values(await readWeights(path))).toEqual({
      f: { shape: [2, 3], data: [0, 2, 4, 1, 3, 5] },
      h: { shape: [2], data: [1, -2] },
      none: { shape: [0], data: [] },
    });
  });

  test("a snapshot of Chainer's trainer is read for its networks alone", async () => {
    const one = npy([1], new Uint8Array(4));
    const objects = npy([1], new Uint8Array(), "{'descr': '|O', 'fortran_order': False, 'shape': (), }");
    const path = written(
      'snapshot.npz',
      zip([
        { name: 'updater/model:gen/l0/W.npy', bytes: one },
        { name: 'updater/iterator:main/order.npy', bytes: objects },
      ]),
    );
    expect([...(await readWeights(path)).keys()]).toEqual(['updater/model:gen/l0/W']);
  });
});

test('safetensors are read as before', async () => {
  const bytes = writeSafetensors([['a.b', { shape: [1], data: Float64Array.of(0.1) }]]);
  const entries = await readWeights(written('x.safetensors', bytes));
  expect(entries.get('a.b')!.dtype).toBe('float64');
  expect(await entries.get('a.b')!.read()).toEqual(Float32Array.of(0.1));
});
