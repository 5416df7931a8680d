// Pickles that are damaged or hostile get one sentence, and cost neither time nor memory. Nothing in them runs.
// Archives: refusals-archive.test.ts. Files damaged at random: test/fuzz/.

import { describe, expect, test } from 'vitest';
import { fixtureBytes, pickled, refusal, torchZip } from './files.ts';

const SAVE =
  'it was refused and nothing in it was run: in PyTorch, load it there if you trust it, and save the weights alone with torch.save(model.state_dict(), path)';
const COPY = 'copy or download the file again';
const { global: named, call, text, integer, tuple, dict, storage, tensor } = pickled;
const refusedPickle = (body: Buffer) => refusal('x.pth', torchZip(body));
const one = tensor(storage('FloatStorage', '0', 4), 0, [4], [1]);

describe('a pickle that would run something', () => {
  test.each([
    ['system.pth', 'posix.system'],
    ['eval.pth', '__builtin__.eval'],
    ['module.pth', 'torch.nn.modules.linear.Identity'],
  ])('%s, as Python writes it', async (file, name) => {
    expect(await refusal(file, fixtureBytes(file))).toBe(
      `its pickle names "${name}", which weights do not need; ${SAVE}`,
    );
  });

  test.each([
    ['GLOBAL and REDUCE', call(named('os', 'system'), text('true')), 'os.system'],
    ['STACK_GLOBAL', Buffer.concat([text('builtins'), text('eval'), Buffer.from([0x93])]), 'builtins.eval'],
    ['INST', Buffer.from('(ios\nsystem\n'), 'os.system'],
    [
      'a method of what is known',
      named('collections', 'OrderedDict.fromkeys'),
      'collections.OrderedDict.fromkeys',
    ],
    [
      'a loader of pickles in pickles',
      named('torch.storage', '_load_from_bytes'),
      'torch.storage._load_from_bytes',
    ],
    ['a type that is not read', storage('ComplexFloatStorage', '0', 4), 'torch.ComplexFloatStorage'],
    ['a name of the prototype', named('constructor', 'constructor'), 'constructor.constructor'],
  ])('by %s', async (_, body, name) => {
    expect(await refusedPickle(body)).toBe(`its pickle names "${name}", which weights do not need; ${SAVE}`);
  });

  test.each([
    [
      'what is only named',
      call(named('torch', 'FloatStorage'), integer(4)),
      'calls "torch.FloatStorage", which weights only name',
    ],
    ['what is no function', call(text('eval'), text('1')), 'calls something that is no function'],
    [
      'attributes',
      Buffer.concat([one, dict(text('data'), text('x')), Buffer.from('b')]),
      'sets attributes of something that is no dictionary',
    ],
    ['an extension', Buffer.from([0x82, 1]), "uses the instruction EXT1, which PyTorch's weights do without"],
    [
      'an object by NEWOBJ_EX',
      Buffer.from([0x92]),
      "uses the instruction NEWOBJ_EX, which PyTorch's weights do without",
    ],
    [
      'an object beside it',
      Buffer.concat([tuple(text('thing')), Buffer.from('Q')]),
      'keeps something beside it that is no storage',
    ],
    [
      'source code',
      Buffer.concat([tuple(text('module')), Buffer.from('Q')]),
      'holds a whole network with its source code, as torch.save(model) writes it',
    ],
    [
      'a dictionary under a tuple',
      dict(tuple(integer(1)), one),
      'holds a dictionary whose keys are neither text nor numbers',
    ],
  ])('by %s', async (_, body, what) => {
    expect(await refusedPickle(body)).toBe(`its pickle ${what}; ${SAVE}`);
  });

  test('in an array of numpy', async () => {
    expect(await refusal('objects.npz', fixtureBytes('objects.npz'))).toBe(
      'its array "l0/W" holds pickled Python objects (dtype "|O"), which could run anything; it was refused and nothing in it was run: save arrays of numbers alone',
    );
  });

  test('or is of another program', async () => {
    expect(await refusal('other.pkl', fixtureBytes('other.pkl'))).toBe(
      'it is a pickle, but not one of torch.save: in PyTorch, save the weights with torch.save(model.state_dict(), path)',
    );
  });
});

describe('a tensor that reaches beyond its storage', () => {
  const four = storage('FloatStorage', '0', 4);
  test.each([
    ['by its size', tensor(four, 0, [5], [1]), 'elements up to number 5 where there are 4'],
    ['by its offset', tensor(four, 1, [4], [1]), 'elements up to number 5 where there are 4'],
    ['by its stride', tensor(four, 0, [2], [4]), 'elements up to number 5 where there are 4'],
    [
      'with a negative offset',
      tensor(four, -1, [1], [1]),
      'a size, stride or offset of -1 where whole numbers of at least 0 are meant',
    ],
    [
      'with a negative stride',
      tensor(four, 3, [4], [-1]),
      'a size, stride or offset of -1 where whole numbers of at least 0 are meant',
    ],
    [
      'with a huge offset',
      tensor(four, 2n ** 60n, [1], [1]),
      'a size, stride or offset of 1152921504606846976 where whole numbers of at least 0 are meant',
    ],
    [
      'with an absurd shape',
      tensor(four, 0, [2n ** 40n, 2n ** 40n], [0, 0]),
      'a shape [1099511627776, 1099511627776] that is too large',
    ],
    ['with sizes without strides', tensor(four, 0, [1, 1], [1]), '2 sizes and 1 strides'],
  ])('%s', async (_, body, what) => {
    expect(await refusedPickle(body)).toBe(
      `its pickle is damaged or cut short (a tensor in storage "0" has ${what}): ${COPY}`,
    );
  });

  test('in a storage that is not there, or of another size', async () => {
    const huge = tensor(storage('FloatStorage', '0', 2n ** 50n / 4n), 0, [1], [1]);
    expect(await refusedPickle(huge)).toBe(
      'its storage "0" is described as 1125899906842624 bytes, and the archive has 16: copy or download it again',
    );
    expect(await refusedPickle(tensor(storage('FloatStorage', '1', 4), 0, [1], [1]))).toBe(
      'its storage "1" is described as 16 bytes, and the archive has none: copy or download it again',
    );
    expect(await refusedPickle(tensor(storage('FloatStorage', '0', 2n ** 62n), 0, [1], [1]))).toMatch(
      'the id of a storage is no (class, key, device, size)',
    );
    const twice = tuple(one, tensor(storage('IntStorage', '0', 4), 0, [4], [1]));
    expect(await refusedPickle(twice)).toMatch('storage "0" is described in two ways');
  });

  test('in the older format', async () => {
    const bytes = fixtureBytes('main-legacy.pth');
    expect(await refusal('cut.pth', bytes.subarray(0, -1))).toMatch(
      /^its storage "\d+" is described as \d+ bytes, which are not there: copy or download it again$/,
    );
    // The first count of elements, right after the keys, claims 2^50 bytes.
    const claimed = Buffer.from(bytes);
    const first = Buffer.alloc(8);
    first.writeBigInt64LE(96n);
    const at = claimed.indexOf(first);
    expect(at).toBeGreaterThan(0);
    claimed.writeBigInt64LE(2n ** 48n, at);
    expect(await refusal('claim.pth', claimed)).toMatch(/is described as 384 bytes, which are not there/);
  });

  test('or asks for far more memory than the file is large', async () => {
    const repeated = tensor(storage('FloatStorage', '0', 4), 0, [2 ** 20, 2 ** 10], [0, 0]);
    expect(await refusedPickle(dict(text('l.weight'), repeated))).toMatch(
      /^a tensor of shape \[1048576, 1024\] would take 4294967296 bytes of memory where at most \d+ are allowed \(64 MiB and 16 times the file's size\)/,
    );
  });
});

describe('a pickle that is made to exhaust something', () => {
  const quickly = async (body: Buffer): Promise<string> => {
    const start = performance.now();
    const message = await refusedPickle(body);
    // Seconds on any machine; without the limits each of these would take hours, or all memory.
    expect(performance.now() - start).toBeLessThan(20_000);
    return message;
  };

  test('by lists in lists, doubled at each level', async () => {
    const put = (n: number): Buffer => Buffer.from([0x71, n]);
    const get = (n: number): Buffer => Buffer.from([0x68, n]);
    const levels = Array.from({ length: 200 }, (_, n) =>
      Buffer.concat([get(n), get(n), Buffer.from([0x86]), put(n + 1)]),
    );
    const bomb = Buffer.concat([text('lol'), put(0), ...levels]);
    expect(await quickly(bomb)).toBe(`its pickle nests dictionaries more than 16 deep; ${SAVE}`);
    // As a name it would be 2^200 letters.
    expect(await quickly(Buffer.concat([bomb, text('x'), Buffer.from([0x93])]))).toBe(
      `its pickle is damaged or cut short (a name is no text): ${COPY}`,
    );
  });

  test('by containers within themselves', async () => {
    const list = Buffer.concat([Buffer.from(']'), Buffer.from([0x71, 0, 0x68, 0]), Buffer.from('a')]);
    expect(await quickly(list)).toBe('it holds no tensors, but a list of 1');
  });

  test('by depth', async () => {
    const depth = 400_000;
    expect(await quickly(Buffer.concat([Buffer.alloc(depth, '('), Buffer.alloc(depth, 't')]))).toBe(
      `its pickle nests dictionaries more than 16 deep; ${SAVE}`,
    );
  });

  test('by instructions, by long numbers, by a list that is copied again and again', async () => {
    expect(await quickly(Buffer.alloc(1_500_000, '}'))).toBe(
      `its pickle has more than 1000000 instructions, far more than weights need; ${SAVE}`,
    );
    expect(await quickly(Buffer.from([0x8b, 0xff, 0xff, 0, 0]))).toBe(
      `its pickle holds a whole number of 65535 bytes; ${SAVE}`,
    );
    const pair = tuple(text('k'), integer(1));
    const pairs = Buffer.concat([
      Buffer.from(']('),
      ...Array.from({ length: 2000 }, () => pair),
      Buffer.from('e'),
    ]);
    const kept = Buffer.concat([pairs, Buffer.from([0x71, 9])]);
    const again = call(named('collections', 'OrderedDict'), Buffer.from([0x68, 9]));
    const copies = Array.from({ length: 1000 }, () => again);
    expect(await quickly(Buffer.concat([kept, ...copies]))).toBe(
      `its pickle fills dictionaries with more than 1000000 items; ${SAVE}`,
    );
  });

  test('by a length that is not there', async () => {
    expect(await quickly(Buffer.from([0x8e, 0, 0, 0, 0, 0, 0, 4, 0]))).toMatch(
      'its pickle is damaged or cut short (1125899906842624 bytes are wanted at',
    );
    expect(await quickly(Buffer.from([0x72, 0xff, 0xff, 0xff, 0xff]))).toMatch('a value is missing');
  });
});
