// PyTorch's files: pickles that say where tensors lie, in an archive or followed by the arrays.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unpickle } from '../../../packages/dcgan/src/weights/pickle.ts';
import { TorchRules } from '../../../packages/dcgan/src/weights/pytorch-pickle.ts';
import { pickled, type ZipMember } from '../../../packages/forger/test/weights/builders.ts';
import { type Draw, number } from '../draw.ts';
import { guarded, type Parser, type Sample, sane, single } from '../parser.ts';
import { countOf, readAll } from './tensors.ts';
import { twistedZip } from './zips.ts';

const { global: named, call, text, tuple, dict, start, stop } = pickled;

const KINDS = {
  FloatStorage: 4,
  DoubleStorage: 8,
  HalfStorage: 2,
  BFloat16Storage: 2,
  LongStorage: 8,
  ByteStorage: 1,
};
const FOREIGN: [string, string][] = [
  ['os', 'system'],
  ['builtins', 'eval'],
  ['torch', 'ComplexFloatStorage'],
  ['collections', 'OrderedDict'],
  ['torch._utils', '_rebuild_parameter'],
  ['torch', 'Size'],
  ['__proto__', 'constructor'],
];

/** Names as PyTorch's and torchgan's state dicts have them. */
const NAMES = ['main.0.weight', 'main.1.running_var', 'model.0.0.weight', 'disc.0.bias', 'epoch'];

/** A whole number, in one of the ways that pickles have. */
function integer(draw: Draw, n: number): Buffer {
  const value = draw.number(n);
  if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 63) {
    const float = Buffer.alloc(8);
    float.writeDoubleBE(value);
    return Buffer.concat([Buffer.from('G'), float]);
  }
  if (value >= 0 && value < 256 && draw.chance(0.5)) return Buffer.from([0x4b, value]);
  return pickled.integer(BigInt(value));
}

/** Any value, deep or long. */
function strange(draw: Draw, depth = 0): Buffer {
  const deep = () => (depth < 4 ? strange(draw, depth + 1) : Buffer.from('N'));
  switch (draw.int(0, 11)) {
    case 0:
      return text(draw.hostileText());
    case 1:
      return dict(text('a'), deep());
    case 2:
      return tuple(deep(), deep());
    case 3:
      return Buffer.concat([Buffer.from(']('), deep(), Buffer.from('e')]);
    case 4:
      return call(named(...draw.pick(FOREIGN)), deep());
    case 5:
      return Buffer.concat([Buffer.alloc(20_000, '('), Buffer.alloc(20_000, 't')]);
    case 6: // text whose length is a claim
      return Buffer.concat([Buffer.from('X'), number(draw.bits(2 ** 31), 4), Buffer.from('x')]);
    case 7: // bytes of eight bytes' length
      return Buffer.concat([Buffer.from([0x8e]), number(2n ** BigInt(draw.int(0, 63)), 8)]);
    case 8: // what was remembered, or was not
      return Buffer.from([0x68, draw.int(0, 8)]);
    case 9:
      return draw.bytes(draw.int(0, 20));
    default:
      return integer(draw, draw.int(0, 9));
  }
}

function storage(draw: Draw, kind: string, key: string, elements: number): Buffer {
  const type = draw.twists() ? named(...draw.pick(FOREIGN)) : named('torch', kind);
  const parts = [text('storage'), type, text(key), text('cpu'), integer(draw, elements)];
  return Buffer.concat([tuple(...draw.list(parts)), Buffer.from('Q')]);
}

function tensor(
  draw: Draw,
  kind: string,
  key: string,
  elements: number,
  offset: number,
  shape: readonly number[],
): Buffer {
  const stride = shape.map((_, i) => countOf(shape.slice(i + 1)));
  const numbers = (list: readonly number[]) => tuple(...draw.list(list).map((n) => integer(draw, n)));
  const args = [
    storage(draw, kind, key, elements),
    integer(draw, offset),
    numbers(shape),
    numbers(stride),
    Buffer.from([0x89]),
    call(named('collections', 'OrderedDict')),
  ];
  return call(named('torch._utils', '_rebuild_tensor_v2'), ...draw.list(args));
}

interface Pickled {
  value: Buffer;
  arrays: { key: string; bytes: Buffer; elements: number }[];
}

/** Sound in every part, and made to exhaust something. */
function attack(draw: Draw): Pickled {
  const rate = draw.rate;
  draw.rate = 0;
  const arrays = [{ key: '0', bytes: Buffer.alloc(16), elements: 4 }];
  const one = tensor(draw, 'FloatStorage', '0', 4, 0, [4]);
  const [put, get] = [Buffer.from([0x71, 7]), Buffer.from([0x68, 7])];
  const many = (value: Buffer) => Array.from({ length: 20_000 }, (_, i) => [text(`k${i}`), value]).flat();
  const side = pickled.integer(2 ** draw.int(8, 20));
  const huge = pickled.tensor(
    storage(draw, 'FloatStorage', '0', 4),
    0,
    [2 ** 20, 2 ** 10, 2 ** 5],
    [0, 0, 0],
  );
  const values = [
    // A long name that many tensors share: joined, the names are far larger than the file.
    () => dict(text('a'), Buffer.concat([one, put]), text('x'.repeat(200_000)), dict(...many(get))),
    // The same few bytes as tensors of any size.
    () => dict(text('main.0.weight'), huge),
    () => dict(text('a'), Buffer.concat([huge, put]), text('b'), dict(...many(get))),
    // A file that is nothing else, with a key as long as a book.
    () => dict(text('x'.repeat(300_000)), side),
  ];
  const value = draw.pick(values)();
  draw.rate = rate;
  return { value, arrays };
}

/** A state dict, alone or below keys of a checkpoint, and the arrays of its tensors. */
function stateDict(draw: Draw): Pickled {
  if (draw.rate > 0 && draw.chance(0.02)) return attack(draw);
  const [kind, size] = draw.pick(Object.entries(KINDS));
  const arrays: Pickled['arrays'] = [];
  const items = draw.several(1, 6, (i) => {
    const shape = draw.several(0, 4, () => draw.int(1, 4));
    const [key, elements] = [String(i), countOf(shape) + draw.int(0, 3)];
    const offset = draw.int(0, elements - countOf(shape));
    arrays.push({ key, bytes: draw.bytes(elements * size), elements });
    const name = text(draw.text(`${draw.pick(NAMES)}${i}`));
    return [name, draw.twists() ? strange(draw) : tensor(draw, kind, key, elements, offset, shape)];
  });
  let value = dict(...draw.list(items).flat());
  for (let depth = draw.int(0, 2); depth > 0; depth--) value = dict(text(`level${depth}`), value);
  if (draw.twists()) value = Buffer.concat([value, draw.part(strange(draw)), draw.pick([stop, tuple()])]);
  return { value, arrays };
}

const zipped: Parser = {
  name: 'pth',
  title: "PyTorch's archives, torchgan's among them",
  generate: (draw): Sample => {
    const { value, arrays } = stateDict(draw);
    const members: ZipMember[] = [
      { name: 'x/data.pkl', bytes: Buffer.concat([start, draw.part(value), stop]) },
      ...arrays.map(({ key, bytes }) => ({ name: `x/data/${key}`, bytes })),
      ...(draw.chance(0.3) ? [{ name: 'x/byteorder', bytes: Buffer.from('little') }] : []),
    ];
    return single('x.pth', twistedZip(draw, members));
  },
  read: readAll,
};

const SYSTEM = { protocol_version: 1001, little_endian: true };

const legacy: Parser = {
  name: 'pth-legacy',
  title: "PyTorch's files from before version 1.6",
  generate: (draw): Sample => {
    const { value, arrays } = stateDict(draw);
    const pickle = (body: Buffer) => Buffer.concat([start, body, stop]);
    const magic = Buffer.concat([Buffer.from([0x8a, 10]), Buffer.from('6cfc9c46f9206aa85019', 'hex')]);
    const system = dict(
      text('protocol_version'),
      pickled.integer(1001),
      text('little_endian'),
      Buffer.from([0x88]),
    );
    const keys = tuple(...draw.list(arrays).map(({ key }) => text(key)));
    // The list of arrays is a list.
    const list = Buffer.concat([Buffer.from(']('), keys.subarray(1, -1), Buffer.from('e')]);
    const parts = [
      pickle(magic),
      pickle(integer(draw, SYSTEM.protocol_version)),
      pickle(system),
      pickle(draw.part(value) as Buffer),
      pickle(list),
      ...arrays.map(({ bytes, elements }) =>
        Buffer.concat([number(draw.bits(elements), 8), draw.part(bytes)]),
      ),
    ];
    return single('x.pth', Buffer.concat(draw.list(parts)));
  },
  read: readAll,
};

/** The files that PyTorch and Chainer wrote themselves, damaged. */
const FIXTURES = [
  'main.pth',
  'main-legacy.pth',
  'checkpoint.pth',
  'torchgan.pth',
  'bolts.ckpt',
  'strided-float64.pth',
  'data-parallel-bfloat16.pth',
  'chainer.npz',
];

const written: Parser = {
  name: 'written',
  title: "files that PyTorch and Chainer wrote, torchgan's among them",
  generate: (draw): Sample => {
    const name = draw.pick(FIXTURES);
    const path = fileURLToPath(
      new URL(`../../../packages/forger/test/weights/fixtures/${name}`, import.meta.url),
    );
    return single(name, readFileSync(path));
  },
  read: readAll,
};

const pickle: Parser = {
  name: 'pickle',
  title: 'pickles of known instructions in any order',
  generate: (draw): Sample => {
    if (draw.rate === 0) return single('x.pkl', Buffer.concat([start, stateDict(draw).value, stop]));
    const instructions =
      '(){}]tuesabqrhjRQ.NXUcTBJKMG\x80\x81\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x93\x94\x95';
    const noise = draw.several(0, 60, () =>
      draw.chance(0.7) ? Buffer.from(draw.pick([...instructions]), 'latin1') : draw.part(strange(draw)),
    );
    return single('x.pkl', Buffer.concat([start, ...noise]));
  },
  read: async (path) => {
    const bytes = readFileSync(path);
    const end = unpickle(bytes, new TorchRules()).end;
    sane(end <= bytes.length, `read ${end} of ${bytes.length} bytes`);
    sane(unpickle(guarded(bytes), new TorchRules()).end === end, 'what lies around the pickle was read');
  },
  anonymous: /^/,
};

export const parsers = [zipped, legacy, written, pickle];
