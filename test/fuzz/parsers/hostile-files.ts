// Small files that claim to be large, without ever being so in memory here.

import { constants, deflateRawSync } from 'node:zlib';
import { crc32 } from '../../../packages/dcgan/src/weights/crc32.ts';
import { number } from '../draw.ts';

/** Deflated zeros, as many mebibytes as are wanted, after other deflated data. */
export function zeros(mebibytes: number, after: Uint8Array = new Uint8Array()): Buffer {
  const one = deflateRawSync(Buffer.alloc(2 ** 20), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([after, ...Array<Buffer>(mebibytes).fill(one), deflateRawSync(Buffer.alloc(0))]);
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** A chunk of a PNG. */
export function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([number(data.length, 4, false), body, number(crc32(body), 4, false)]);
}

export interface PngOptions {
  /** Bits a sample, and the colour type. */
  depth?: number;
  type?: number;
  interlaced?: boolean;
  /** Mebibytes of zeros behind the header. */
  mebibytes?: number;
  /** Further chunks. */
  extra?: readonly Buffer[];
}

/** A PNG that claims a size, whatever it holds. */
export function pngOf(
  width: number,
  height: number,
  { depth = 8, type = 2, interlaced = false, mebibytes = 1, extra = [] }: PngOptions = {},
): Buffer {
  const form = Buffer.from([depth, type, 0, 0, Number(interlaced)]);
  const pixels = Buffer.concat([Buffer.from([0x78, 0x9c]), zeros(mebibytes), Buffer.alloc(4)]);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', Buffer.concat([number(width, 4, false), number(height, 4, false), form])),
    ...(type === 3 ? [chunk('PLTE', Buffer.alloc(3))] : []),
    ...extra,
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
