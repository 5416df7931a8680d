// The small formats that Forger decodes itself: bitmaps, Netpbm's files, numpy's arrays as pictures, tar
// archives and CIFAR-10's Python version, with headers that may lie.

import { cifarPython, tar } from '../../../packages/forger/test/data/builders.ts';
import { npy } from '../../../packages/forger/test/weights/builders.ts';
import { type Draw, number } from '../draw.ts';
import { type Parser, single } from '../parser.ts';
import { openAndRead, options } from './datasets.ts';

/** A bitmap; each number of its header may be another. */
function bmp(draw: Draw): Buffer {
  const [bits, coding] = draw.pick([
    [24, 0],
    [32, 0],
    [16, 0],
    [8, 0],
    [4, 0],
    [1, 0],
  ] as const);
  const [width, height] = [draw.int(1, 9), draw.int(1, 9)];
  const palette = bits > 8 ? 0 : 4 * 2 ** bits;
  const head = Buffer.alloc(54);
  head.write('BM');
  const fields: [at: number, value: number, size: number][] = [
    [10, 54 + palette, 4],
    [14, 40, 4],
    [18, width, 4],
    [22, height, 4],
    [28, bits, 2],
    [30, draw.twists() ? draw.int(0, 6) : coding, 4],
    [46, 0, 4],
  ];
  for (const [at, value, size] of fields)
    number(draw.twists() ? draw.bits(draw.pick([value, 100_000, 2 ** 31])) : value, size).copy(head, at);
  const pixels = draw.bytes(Math.ceil((width * bits) / 32) * 4 * height);
  return Buffer.concat([head, draw.bytes(palette), draw.part(pixels)]);
}

function netpbm(draw: Draw): Buffer {
  const kind = draw.int(1, 6);
  const [width, height] = [draw.int(1, 9), draw.int(1, 9)];
  const channels = kind % 3 === 0 ? 3 : 1;
  const bitmap = kind % 3 === 1;
  const most = draw.pick([1, 255, 65_535]);
  const text = (n: number) => String(draw.twists() ? draw.number(n) : n);
  const head = `P${kind}${draw.twists() ? '#' : '\n'}${text(width)} ${text(height)}${bitmap ? '' : ` ${text(most)}`}\n`;
  const count = width * height * channels;
  const body =
    kind <= 3
      ? Buffer.from(Array.from({ length: count }, () => draw.int(0, bitmap ? 1 : most)).join(' '))
      : draw.bytes(bitmap ? Math.ceil(width / 8) * height : count * (most > 255 ? 2 : 1));
  return Buffer.concat([Buffer.from(head), draw.part(body)]);
}

const small: Parser = {
  name: 'bmp-ppm',
  title: 'folders of bitmaps and of PBM, PGM and PPM',
  generate: (draw) => ({
    files: new Map(
      Array.from({ length: draw.int(2, 4) }, (_, i): [string, Uint8Array] =>
        draw.chance(0.5) ? [`set/${i}.bmp`, bmp(draw)] : [`set/${i}.ppm`, netpbm(draw)],
      ),
    ),
    target: 'set',
    options: options(draw),
  }),
  read: openAndRead,
};

const arrays: Parser = {
  name: 'npy-pictures',
  title: "numpy's arrays as pictures",
  generate: (draw) => {
    const [code, size] = draw.pick([
      ['|u1', 1],
      ['<f4', 4],
      ['<f8', 8],
      ['<i8', 8],
      ['<u2', 2],
    ] as const);
    const [count, side] = [draw.int(2, 4), draw.int(4, 8)];
    const shape = draw.pick([
      [count, side, side],
      [count, side, side, 3],
      [count, 3, side, side],
      [count, side * side],
    ]);
    const elements = shape.reduce((product, n) => product * n, 1);
    const data = size === 1 || draw.twists() ? draw.bytes(elements * size) : Buffer.alloc(elements * size, 1);
    const claimed = draw.twists() ? shape.map((n) => draw.number(n)) : shape;
    const header = `{'descr': '${code}', 'fortran_order': ${draw.chance(0.2) ? 'True' : 'False'}, 'shape': (${claimed.join(', ')}), }`;
    return single('x.npy', npy(shape, draw.part(data), header), options(draw));
  },
  read: openAndRead,
};

const tars: Parser = {
  name: 'picture-tar',
  title: 'tar archives of pictures',
  generate: (draw) => {
    const members = Array.from({ length: draw.int(2, 3) }, (_, i) => ({
      name: draw.twists() ? draw.hostileText().slice(0, 90) : `photos/${i}.bmp`,
      bytes: bmp(draw),
      type: draw.twists() ? draw.pick(['L', 'x', '5', '0']) : '0',
    }));
    return single('x.tar', draw.part(tar(members)), options(draw));
  },
  read: openAndRead,
};

const cifar: Parser = {
  name: 'cifar-python',
  title: "batches of CIFAR-10's Python version",
  generate: (draw) => {
    const rows = Array.from(
      { length: draw.int(2, 3) },
      () => [draw.bytes(3072), draw.twists() ? draw.int(0, 255) : draw.int(0, 9)] as const,
    );
    return single('data_batch_1', cifarPython(rows, draw.pick(['text', 'codecs'])), options(draw));
  },
  read: openAndRead,
};

export const parsers = [small, arrays, tars, cifar];
