// Safetensors files for tests: from any header, and arbitrary valid contents.
import type { SafetensorsEntry } from '@forger/tensor';
import fc from 'fast-check';

/** A file of any header and data: valid only if they are. */
export function file(header: unknown, data: readonly number[] = [], headerLength?: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength ?? json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const arrays = [
  fc.float32Array(),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.bigUint64Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int8Array(),
  fc.uint8Array(),
] as const;

const text = fc
  .string({ unit: 'binary' })
  .filter((s) => s !== '__proto__' && s !== '__metadata__' && !/\p{Surrogate}/u.test(s));

const entry = fc.oneof(...arrays).chain((data) => {
  const shapes = [
    [data.length],
    [1, data.length],
    [data.length, 1, 1],
    ...(data.length === 1 ? [[]] : []),
    ...(data.length % 2 ? [] : [[2, data.length / 2]]),
  ];
  return fc.constantFrom(...shapes).map((shape) => ({ shape, data }) as SafetensorsEntry);
});

/** What a file may hold. */
export const contents = fc.record({
  entries: fc.uniqueArray(fc.tuple(text, entry), { selector: ([name]) => name, maxLength: 6 }),
  metadata: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
});
