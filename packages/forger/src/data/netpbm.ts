// Netpbm's PBM, PGM and PPM, as text (P1 to P3) and as bytes (P4 to P6), which sharp's own builds do not read.
// https://netpbm.sourceforge.net/doc/ppm.html

import { checkedPixels, type Decoded, whole } from './decoded.ts';

/** Whether bytes begin as a PBM, PGM or PPM does. */
export function isNetpbm(bytes: Uint8Array): boolean {
  const [p, kind, space] = bytes;
  return p === 0x50 && kind! >= 0x31 && kind! <= 0x36 && (isSpace(space) || space === 0x23);
}

const isSpace = (byte: number | undefined) =>
  byte === 0x20 || (byte !== undefined && byte >= 9 && byte <= 13);

/** Decodes the first picture of a file. @throws Error with a few words on what is wrong. */
export function decodeNetpbm(bytes: Uint8Array): Decoded {
  const kind = bytes[1]! - 0x30;
  const channels = kind === 3 || kind === 6 ? 3 : 1;
  const bitmap = kind === 1 || kind === 4;
  let at = 2;
  const skip = (): void => {
    for (; at < bytes.length; at++) {
      if (bytes[at] === 0x23) while (at < bytes.length && bytes[at] !== 0x0a) at++;
      else if (!isSpace(bytes[at])) return;
    }
  };
  const number = (): number => {
    skip();
    const first = at;
    let value = 0;
    while (at < bytes.length && bytes[at]! >= 0x30 && bytes[at]! <= 0x39 && value < 1e9)
      value = 10 * value + bytes[at++]! - 0x30;
    if (at === first) throw whole('PPM');
    return value;
  };
  const [width, height] = [number(), number()];
  const most = bitmap ? 1 : number();
  if (most < 1 || most > 65_535) throw new Error(`the PPM's white is ${most}, and 1 to 65535 was expected`);
  const data = checkedPixels('PPM', width, height, channels);
  const toByte = (value: number) => Math.round((Math.min(value, most) * 255) / most);
  if (kind <= 3) {
    for (let i = 0; i < data.length; i++) data[i] = bitmap ? bit() : toByte(number());
    return { data, width, height, channels };
  }
  at++; // one white-space character
  const sample = most > 255 ? 2 : 1;
  const row = bitmap ? Math.ceil(width / 8) : width * channels * sample;
  if (at + row * height > bytes.length) throw whole('PPM');
  for (let i = 0; i < data.length; i++) {
    if (bitmap) {
      const x = i % width;
      const packed = bytes[at + Math.floor(i / width) * row + (x >> 3)]!;
      data[i] = (packed >> (7 - (x & 7))) & 1 ? 0 : 255; // 1 is black
    } else if (sample === 1) data[i] = toByte(bytes[at + i]!);
    else data[i] = toByte((bytes[at + 2 * i]! << 8) | bytes[at + 2 * i + 1]!);
  }
  return { data, width, height, channels };

  /** In text, bits need no space between them. */
  function bit(): number {
    skip();
    const digit = bytes[at++];
    if (digit !== 0x30 && digit !== 0x31) throw whole('PPM');
    return digit === 0x31 ? 0 : 255;
  }
}
