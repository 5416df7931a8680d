// numpy's arrays and archives of them; Chainer's are such archives with paths for names.

import type { ZipMember } from '../../../packages/forger/test/weights/builders.ts';
import { type Draw, number } from '../draw.ts';
import { type Parser, single } from '../parser.ts';
import { readAll, tensors } from './tensors.ts';
import { twistedZip } from './zips.ts';

const DTYPES = { '<f4': 4, '<f8': 8, '<f2': 2, '<i8': 8, '<i4': 4, '|u1': 1, '|b1': 1 };
const FOREIGN = ['>f4', '<c8', '|O', '<U4', '|S9', "'", '', "<f4', 'x': '", '<f0', '<f99999999999', 'f4'];

/** One array, whose header may say anything. */
function npy(draw: Draw, shape: readonly number[], bytes: Buffer, descr: string): Buffer {
  const sizes = draw.list(shape).map((n) => {
    const size = draw.number(n);
    return draw.twists() ? `${size}L` : String(size);
  });
  const tuple = sizes.length === 1 ? `${sizes[0]},` : sizes.join(', ');
  const code = draw.twists() ? draw.pick(FOREIGN) : descr;
  const fields = draw.list([
    `'descr': '${code}'`,
    `'fortran_order': ${draw.chance(0.3) ? 'True' : 'False'}`,
    `'shape': (${draw.twists() ? '('.repeat(draw.pick([1, 10_000])) : ''}${tuple})`,
  ]);
  const text = `{${fields.join(', ')}, }`;
  const version = draw.twists() ? draw.int(0, 255) : draw.pick([1, 2, 3]);
  const padded = `${text.padEnd(Math.ceil((text.length + 13) / 64) * 64 - 13)}\n`;
  const length = number(draw.bits(Buffer.byteLength(padded)), version === 1 ? 2 : 4);
  const magic = Buffer.from(`\x93NUMPY${String.fromCharCode(version)}\0`, 'latin1');
  return Buffer.concat([magic, length, Buffer.from(padded), draw.part(bytes)]);
}

function arrays(draw: Draw, name: (i: number) => string): ZipMember[] {
  const [descr, size] = draw.pick(Object.entries(DTYPES));
  return tensors(draw, () => size).map(({ shape, bytes }, i) => ({
    name: `${name(i)}.npy`,
    bytes: npy(draw, shape, bytes, descr),
  }));
}

const npyParser: Parser = {
  name: 'npy',
  title: "one of numpy's arrays in an archive that is sound",
  generate: (draw) => {
    const members = arrays(draw, () => 'x').slice(0, 1);
    const rate = draw.rate;
    draw.rate = 0;
    const sample = single('x.npz', twistedZip(draw, members));
    draw.rate = rate;
    return sample;
  },
  read: readAll,
  whole: true,
};

const npzParser: Parser = {
  name: 'npz',
  title: "numpy's archives",
  generate: (draw) =>
    single(
      'x.npz',
      twistedZip(
        draw,
        arrays(draw, (i) => `arr_${i}`),
      ),
    ),
  read: readAll,
};

const CHAINER = ['c0/W', 'bn0/gamma', 'bn0/avg_mean', 'bn0/N', 'l0/b'];

const chainerParser: Parser = {
  name: 'chainer',
  title: "Chainer's archives and snapshots of its trainers",
  generate: (draw) => {
    const prefix = draw.pick(['', 'updater/model:main/', 'updater/model:gen/predictor/']);
    return single(
      'x.npz',
      twistedZip(
        draw,
        arrays(draw, (i) => `${prefix}${draw.pick(CHAINER)}${i}`),
      ),
    );
  },
  read: readAll,
};

export const parsers = [npyParser, npzParser, chainerParser];
