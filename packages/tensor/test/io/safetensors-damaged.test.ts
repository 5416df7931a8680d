// Damaged and hostile safetensors files: each costs a CheckpointError that says what is wrong, and nothing else.
import { CheckpointError, readSafetensors, writeSafetensors } from '@forger/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contents, file } from './files.ts';

const eightBytes = [1, 2, 3, 4, 5, 6, 7, 8];
const u8 = (begin: unknown, end: unknown, shape: unknown = [Number(end) - Number(begin)]) => ({
  dtype: 'U8',
  shape,
  data_offsets: [begin, end],
});

/** Whether what was read obeys the format, whatever the bytes were. */
function expectConsistent(bytes: Uint8Array): void {
  for (const { shape, data } of readSafetensors(bytes).tensors.values())
    expect(data.length).toBe(shape.reduce((n, d) => n * d, 1));
}

function survives(bytes: Uint8Array): void {
  try {
    expectConsistent(bytes);
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
  }
}

describe('any file', () => {
  it('is refused when it is cut short or continued', () => {
    fc.assert(
      fc.property(
        contents,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 9 }),
        ({ entries, metadata }, at, tail) => {
          const bytes = writeSafetensors(entries, metadata);
          expect(() => readSafetensors(bytes.subarray(0, at % bytes.length))).toThrow(CheckpointError);
          expect(() => readSafetensors(Uint8Array.of(...bytes, ...tail))).toThrow(CheckpointError);
        },
      ),
    );
  });

  it('gives consistent tensors or a CheckpointError when its bytes are changed', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(contents, changes, ({ entries, metadata }, list) => {
        const bytes = writeSafetensors(entries, metadata);
        for (const [at, value] of list) bytes[at % bytes.length] = value;
        survives(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it('gives consistent tensors or a CheckpointError when its header is any JSON', () => {
    const loose = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom('U8', 'F32', 'X'), fc.jsonValue()),
        shape: fc.oneof(fc.array(fc.nat(4)), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(fc.nat(16), fc.nat(16)), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const header = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.oneof(fc.string(), fc.constant('__metadata__')), fc.oneof(loose, fc.jsonValue())),
    );
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 16 }), (value, data) =>
        survives(file(value, Array.from(data))),
      ),
      { numRuns: 1000 },
    );
  });
});

describe('a damaged or hostile file', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['no bytes', new Uint8Array(0), /has 0 bytes where 8 hold the header's length/],
    ['half a length', new Uint8Array(7), /has 7 bytes/],
    [
      'a header longer than the file',
      file({}, [], 1000),
      /header would end at byte 1008 where the file has 10/,
    ],
    ['a header of 2^63 bytes', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80, 0x7b), /at most 100000000/],
    ['a header above the limit', file({}, [], 100_000_001), /100000001 bytes where at most/],
    ['no header', file(''), /does not start with "{"/],
    ['a PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0), /at most 100000000/],
    ['a list', file('[1]'), /does not start with "{"/],
    ['space before the header', file(' {}'), /does not start with "{"/],
    ['half a header', file('{"a":{"dtype":"U8"'), /not JSON in UTF-8/],
    ['two headers', file('{}{}'), /not JSON in UTF-8/],
    [
      'broken UTF-8',
      Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x22, 0xff, 0x22, 0x7d),
      /not JSON in UTF-8/,
    ],
    ['bytes after the header', file({}, [0]), /end at byte 10 where the file has 11/],
    ['an entry that is a number', file({ a: 1 }), /"a" is not described by a JSON object/],
    ['an entry that is a list', file({ a: [] }), /not described/],
    ['an entry that is null', file({ a: null }), /not described/],
    ['no dtype', file({ a: { shape: [0], data_offsets: [0, 0] } }), /"a" has no dtype/],
    [
      'a foreign dtype',
      file({ a: { dtype: 'F8_E4M3', shape: [0], data_offsets: [0, 0] } }),
      /"F8_E4M3"; expected one of U64, /,
    ],
    [
      'the dtype "constructor"',
      file({ a: { dtype: 'constructor', shape: [0], data_offsets: [0, 0] } }),
      /expected one of/,
    ],
    ['no shape', file({ a: { dtype: 'U8', data_offsets: [0, 0] } }), /not a list of whole numbers/],
    ['a negative size', file({ a: u8(0, 8, [-8]) }, eightBytes), /not a list of whole numbers/],
    ['a fractional size', file({ a: u8(0, 8, [0.5, 16]) }, eightBytes), /not a list of whole numbers/],
    ['a size beyond 2^53', file({ a: u8(0, 8, [2 ** 60]) }, eightBytes), /not a list of whole numbers/],
    ['a product beyond 2^53', file({ a: u8(0, 8, [2 ** 30, 2 ** 30]) }, eightBytes), /product is too large/],
    [
      'a product that would wrap to 8 in 64 bits',
      file({ a: u8(0, 8, [2 ** 32 + 8, 2 ** 32, 2 ** 29]) }, eightBytes),
      /product is too large/,
    ],
    ['a product beyond 2^53, times 0', file({ a: u8(0, 0, [2 ** 50, 2 ** 50, 0]) }), /product is too large/],
    [
      'too large a shape',
      file({ a: u8(0, 8, [9]) }, eightBytes),
      /has 8 bytes where U8 of its shape \[9\] needs 9/,
    ],
    ['too small a shape', file({ a: u8(0, 8, [7]) }, eightBytes), /needs 7/],
    ['no offsets', file({ a: { dtype: 'U8', shape: [0] } }), /not two whole numbers/],
    ['one offset', file({ a: { dtype: 'U8', shape: [0], data_offsets: [0] } }), /not two whole numbers/],
    ['a negative offset', file({ a: u8(-8, 0, [8]) }, eightBytes), /not two whole numbers/],
    ['offsets in reverse', file({ a: u8(8, 0, [8]) }, eightBytes), /has -8 bytes/],
    ['offsets as strings', file({ a: u8('0', '8') }, eightBytes), /not two whole numbers/],
    ['data past the end', file({ a: u8(0, 9) }, eightBytes), /end at byte/],
    ['data short of the end', file({ a: u8(0, 7) }, eightBytes), /end at byte/],
    [
      'an overlap',
      file({ a: u8(0, 5), b: u8(4, 8) }, eightBytes),
      /"b" start at 4 where the tensor before ends at 5/,
    ],
    ['one place for two', file({ a: u8(0, 8), b: u8(0, 8) }, eightBytes), /"b" start at 0/],
    [
      'a gap',
      file({ a: u8(0, 4), b: u8(5, 8) }, eightBytes),
      /"b" start at 5 where the tensor before ends at 4/,
    ],
    ['a gap at the start', file({ a: u8(1, 8) }, eightBytes), /"a" start at 1/],
    [
      'a name twice',
      file(
        '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      ),
      /names "a" twice/,
    ],
    [
      'a name twice, spelt differently',
      file(
        '{"a" :{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      ),
      /names "a" twice/,
    ],
    [
      'a field twice',
      file('{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}'),
      /names "shape" twice/,
    ],
    [
      'the name __proto__',
      file('{"__proto__":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
      /forbidden name "__proto__"/,
    ],
    ['the metadata name __proto__', file('{"__metadata__":{"__proto__":"x"}}'), /forbidden name "__proto__"/],
    ['metadata that are a list', file({ __metadata__: [] }), /__metadata__ is not a JSON object/],
    ['metadata that are null', file({ __metadata__: null }), /__metadata__ is not a JSON object/],
    ['metadata that are no strings', file({ __metadata__: { a: 1 } }), /metadata "a" is not a string/],
  ])('with %s is refused', (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(CheckpointError);
    expect(() => readSafetensors(bytes)).toThrow(message);
    expect(() => readSafetensors(bytes)).toThrow(
      /: (the file is truncated, .*; copy or download it again|convert it .*)\.$/,
    );
  });

  it('with names that only look dangerous is read', () => {
    const bytes = file({ constructor: u8(0, 4), 'a"b\\': u8(4, 8), 'x{': u8(8, 8) }, eightBytes);
    expect([...readSafetensors(bytes).tensors.keys()]).toEqual(['constructor', 'a"b\\', 'x{']);
    expect(
      readSafetensors(file('{ "a" : {"dtype":"U8", "shape":[], "data_offsets":[0,1]} }   ', [9])).tensors.get(
        'a',
      )!.data,
    ).toEqual(Uint8Array.of(9));
  });

  it('with an empty tensor listed after the data that it stands before is read', () => {
    const { tensors } = readSafetensors(file({ full: u8(0, 8), none: u8(0, 0) }, eightBytes));
    expect(tensors.get('full')!.data).toEqual(Uint8Array.from(eightBytes));
    expect(tensors.get('none')!.data).toEqual(new Uint8Array(0));
  });

  it('is named in short, however long its names are', () => {
    expect(() => readSafetensors(file({ ['x'.repeat(100_000)]: 1 }))).toThrow(/^.{0,300}$/);
  });
});
