// The safetensors format: agreement with the package for Python, round trips, and what is refused for writing.
import { CheckpointError, readSafetensors, type SafetensorsEntry, writeSafetensors } from '@forger/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contents, file } from './files.ts';

/*
 * safetensors 0.8.0, numpy 2:
 *   save({'weight': array([[1, -2, .5]], float32), 'bias': array(.25, float32), 'count': array(-7, int64),
 *         '10': array([1, 2, 255], uint8), 'none': zeros((0, 3), float32), 'é': array([3], int32)},
 *        metadata={'made by': 'é"\\\n'})
 */
const fromPython = Buffer.from(
  'gAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJtYWRlIGJ5Ijoiw6lcIlxcXG4ifSwiY291bnQiOnsiZHR5cGUiOiJJNjQiLCJz' +
    'aGFwZSI6W10sImRhdGFfb2Zmc2V0cyI6WzAsOF19LCJiaWFzIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOltdLCJkYXRhX29m' +
    'ZnNldHMiOls4LDEyXX0sIm5vbmUiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzAsM10sImRhdGFfb2Zmc2V0cyI6WzEyLDEy' +
    'XX0sIndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMSwzXSwiZGF0YV9vZmZzZXRzIjpbMTIsMjRdfSwiw6kiOnsi' +
    'ZHR5cGUiOiJJMzIiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOlsyNCwyOF19LCIxMCI6eyJkdHlwZSI6IlU4Iiwic2hh' +
    'cGUiOlszXSwiZGF0YV9vZmZzZXRzIjpbMjgsMzFdfX35/////////wAAgD4AAIA/AAAAwAAAAD8DAAAAAQL/',
  'base64',
);

/*
 * safetensors 0.8.0: serialize() of float16 [1, -0, 65504, 2^-24, -inf], bfloat16 [1.5, -123.5] (0x3fc0, 0xc2f7),
 * float64 [0.1] and bool [True, False].
 */
const otherFloatsFromPython = Buffer.from(
  '6AAAAAAAAAB7ImY2NCI6eyJkdHlwZSI6IkY2NCIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzAsOF19LCJiZjE2Ijp7' +
    'ImR0eXBlIjoiQkYxNiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzgsMTJdfSwiZjE2Ijp7ImR0eXBlIjoiRjE2Iiwi' +
    'c2hhcGUiOls1XSwiZGF0YV9vZmZzZXRzIjpbMTIsMjJdfSwiYm9vbCI6eyJkdHlwZSI6IkJPT0wiLCJzaGFwZSI6WzJdLCJk' +
    'YXRhX29mZnNldHMiOlsyMiwyNF19fSAgmpmZmZmZuT/AP/fCADwAgP97AQAA/AEA',
  'base64',
);

const sameEntries: [string, SafetensorsEntry][] = [
  ['weight', { shape: [1, 3], data: Float32Array.of(1, -2, 0.5) }],
  ['é', { shape: [1], data: Int32Array.of(3) }],
  ['10', { shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ['bias', { shape: [], data: Float32Array.of(0.25) }],
  ['none', { shape: [0, 3], data: new Float32Array(0) }],
  ['count', { shape: [], data: BigInt64Array.of(-7n) }],
];

describe('the safetensors package for Python', () => {
  it('writes what is read', () => {
    const { tensors, metadata } = readSafetensors(fromPython);
    expect(metadata).toEqual({ 'made by': 'é"\\\n' });
    expect([...tensors.keys()]).toEqual(['count', 'bias', 'none', 'weight', 'é', '10']);
    expect(tensors.size).toBe(sameEntries.length);
    for (const [name, { shape, data }] of sameEntries)
      expect(tensors.get(name), name).toMatchObject({ shape, data, converted: false });
  });

  it('writes what is written, to the byte', () => {
    expect(Buffer.from(writeSafetensors(sameEntries, { 'made by': 'é"\\\n' }))).toEqual(fromPython);
  });

  it('has other floats, which become float32', () => {
    const { tensors, metadata } = readSafetensors(otherFloatsFromPython);
    expect(metadata).toEqual({});
    expect(Object.fromEntries(tensors)).toEqual({
      f16: {
        dtype: 'F16',
        shape: [5],
        data: Float32Array.of(1, -0, 65504, 2 ** -24, -Infinity),
        converted: true,
      },
      bf16: { dtype: 'BF16', shape: [2], data: Float32Array.of(1.5, -123.5), converted: true },
      f64: { dtype: 'F64', shape: [1], data: Float32Array.of(0.1), converted: true },
      bool: { dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, 0), converted: false },
    });
  });
});

describe('half-precision floats', () => {
  const bits16 = (dtype: string, bits: number) =>
    readSafetensors(
      file({ x: { dtype, shape: [1], data_offsets: [0, 2] } }, [bits & 0xff, bits >> 8]),
    ).tensors.get('x')!.data[0];

  it('are read exactly', () => {
    // IEEE 754-2019, table 3.5: smallest, largest subnormal, smallest normal, next after 1, a third, NaN.
    expect(bits16('F16', 0x0001)).toBe(2 ** -24);
    expect(bits16('F16', 0x83ff)).toBe(-1023 * 2 ** -24);
    expect(bits16('F16', 0x0400)).toBe(2 ** -14);
    expect(bits16('F16', 0x3c01)).toBe(1 + 2 ** -10);
    expect(bits16('F16', 0x3555)).toBe(0.333251953125);
    expect(bits16('F16', 0x7e00)).toBeNaN();
    expect(bits16('F16', 0x7c01)).toBeNaN();
    expect(bits16('BF16', 0x8000)).toBe(-0);
    expect(bits16('BF16', 0x7f80)).toBe(Number.POSITIVE_INFINITY);
    expect(bits16('BF16', 0x0001)).toBe(2 ** -133);
  });
});

describe('any file', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(contents, ({ entries, metadata }) => {
        const bytes = writeSafetensors(entries, metadata);
        expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
        const read = readSafetensors(bytes);
        expect(read.metadata).toEqual(metadata);
        expect(read.tensors.size).toBe(entries.length);
        for (const [name, { shape, data }] of entries) {
          const expected = data instanceof Float64Array ? Float32Array.from(data) : data;
          expect(read.tensors.get(name)!.data).toEqual(expected);
          expect(read.tensors.get(name)!.shape).toEqual(shape);
        }
      }),
    );
  });

  it('is read from a part of a larger buffer, at any alignment', () => {
    const bytes = writeSafetensors(sameEntries);
    for (const offset of [1, 3, 8]) {
      const larger = new Uint8Array(bytes.length + 20).fill(0xaa);
      larger.set(bytes, offset);
      const { tensors } = readSafetensors(larger.subarray(offset, offset + bytes.length));
      expect(tensors.get('weight')!.data).toEqual(Float32Array.of(1, -2, 0.5));
      larger.fill(0);
      expect(tensors.get('count')!.data).toEqual(BigInt64Array.of(-7n));
    }
  });
});

describe('writing', () => {
  const write = (name: string, entry: unknown, metadata?: unknown) => () =>
    writeSafetensors([[name, entry as SafetensorsEntry]], metadata as Record<string, string>);
  const good = { shape: [1], data: Float32Array.of(1) };

  it('refuses what could not be read', () => {
    for (const attempt of [
      write('a', { shape: [2], data: Float32Array.of(1) }),
      write('a', { shape: [-1], data: Float32Array.of(1) }),
      write('a', { shape: [0.5, 2], data: Float32Array.of(1) }),
      write('a', { shape: [1], data: Uint8ClampedArray.of(1) }),
      write('__metadata__', good),
      write('__proto__', good),
      write('\ud800', good),
      write('a', good, { a: 1 }),
      write('a', good, { a: '\udc00' }),
      write('a', good, { __metadata__: '' }),
      write('a', good, JSON.parse('{"__proto__": ""}')),
      () =>
        writeSafetensors([
          ['a', good],
          ['b', good],
          ['a', good],
        ]),
    ])
      expect(attempt).toThrow(CheckpointError);
  });

  it('leaves out empty metadata, and aligns the data to 8 bytes', () => {
    const bytes = writeSafetensors([['x', { shape: [1], data: Float32Array.of(1) }]]);
    // save({'x': array([1], float32)}) of safetensors 0.8.0.
    const header = '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  ';
    expect(Buffer.from(bytes)).toEqual(Buffer.from(file(header, [0, 0, 0x80, 0x3f])));
    expect((bytes.length - 4) % 8).toBe(0);
  });
});
