// Weight files made by hand, which may lie: archives, pickles and arrays.

import { deflateRawSync } from 'node:zlib';
import { crc32 } from '../../../dcgan/src/weights/crc32.ts';

export interface ZipMember {
  name: string;
  bytes: Uint8Array;
  deflate?: boolean;
  /** Lies. */
  claimedSize?: number;
  crc?: number;
  /** Index of the member whose data this one shares. */
  sameDataAs?: number;
}

/** A ZIP archive, which may lie. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */
export function zip(members: readonly ZipMember[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  const offsets: number[] = [];
  let at = 0;
  for (const { name, bytes, deflate = false, claimedSize, crc, sameDataAs } of members) {
    const data = deflate ? deflateRawSync(bytes) : Buffer.from(bytes);
    const text = Buffer.from(name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(deflate ? 8 : 0, 4);
    fields.writeUInt32LE(crc ?? crc32(bytes), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(claimedSize ?? bytes.length, 18);
    fields.writeUInt16LE(text.length, 22);
    const offset = sameDataAs === undefined ? at : offsets[sameDataAs]!;
    offsets.push(offset);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(20, 4);
    fields.copy(entry, 6);
    entry.writeUInt32LE(offset, 42);
    central.push(entry, text);
    if (sameDataAs !== undefined) continue;
    const head = Buffer.from([0x50, 0x4b, 3, 4]);
    local.push(head, fields, text, data);
    at += 30 + text.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...local, directory, end]);
}

/** Python's protocol 2 in a few words: enough to write what torch.save writes, and what it never would. */
export const pickled = {
  start: Buffer.from([0x80, 2]),
  stop: Buffer.from('.'),
  global: (module: string, name: string): Buffer => Buffer.from(`c${module}\n${name}\n`),
  text: (value: string): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(Buffer.byteLength(value));
    return Buffer.concat([Buffer.from('X'), length, Buffer.from(value)]);
  },
  /** Of up to eight bytes. */
  integer: (value: number | bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return Buffer.concat([Buffer.from([0x8a, 8]), bytes]);
  },
  tuple: (...items: Buffer[]): Buffer => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')]),
  dict: (...items: Buffer[]): Buffer => Buffer.concat([Buffer.from('}('), ...items, Buffer.from('u')]),
  call: (callee: Buffer, ...args: Buffer[]): Buffer =>
    Buffer.concat([callee, pickled.tuple(...args), Buffer.from('R')]),
  storage: (kind: string, key: string, elements: number | bigint): Buffer =>
    Buffer.concat([
      pickled.tuple(
        pickled.text('storage'),
        pickled.global('torch', kind),
        pickled.text(key),
        pickled.text('cpu'),
        pickled.integer(elements),
      ),
      Buffer.from('Q'),
    ]),
  tensor: (
    storage: Buffer,
    offset: number | bigint,
    shape: readonly (number | bigint)[],
    stride: readonly (number | bigint)[],
  ): Buffer =>
    pickled.call(
      pickled.global('torch._utils', '_rebuild_tensor_v2'),
      storage,
      pickled.integer(offset),
      pickled.tuple(...shape.map(pickled.integer)),
      pickled.tuple(...stride.map(pickled.integer)),
      Buffer.from([0x89]),
      pickled.call(pickled.global('collections', 'OrderedDict')),
    ),
};

/** A `.pth` archive whose pickle is as given, with one storage of float32, `data/0`. */
export function torchZip(body: Buffer, floats = new Float32Array(4)): Buffer {
  return zip([
    { name: 'x/data.pkl', bytes: Buffer.concat([pickled.start, body, pickled.stop]) },
    { name: 'x/data/0', bytes: new Uint8Array(floats.buffer) },
  ]);
}

/** One float32 array as numpy writes it; `header` in place of the right one. */
export function npy(shape: readonly number[], data: Uint8Array, header?: string): Buffer {
  const text =
    header ??
    `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(padded), data]);
}
