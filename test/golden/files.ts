/** Reads safetensors files into float64 arrays, independently of the library's own reader. */
import { readFileSync } from 'node:fs';
import type { Ref } from '../reference/array.ts';

export interface TensorFile {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Ref>;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** The format: an 8-byte little-endian header length, a JSON header, then the tensors' bytes. Only F32 is read. */
export function readTensorFile(path: string): TensorFile {
  const bytes = readFileSync(path);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(bytes.toString('utf8', 8, start)) as {
    __metadata__?: Record<string, string>;
  };
  const tensors = new Map<string, Ref>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries as Record<string, Entry>)) {
    if (dtype !== 'F32') throw new Error(`${path}: tensor "${name}" is ${dtype}, and only F32 is read here.`);
    const [from, to] = data_offsets;
    const read = (_: unknown, i: number) => bytes.readFloatLE(start + from + 4 * i);
    tensors.set(name, { shape, data: Float64Array.from({ length: (to - from) / 4 }, read) });
  }
  return { metadata, tensors };
}
