// Windows bitmaps, which sharp does not read: headers of 12 bytes and of 40 and more, 1 to 32 bits a pixel,
// run-length coding.
// The format is small enough to check every offset here, which suits a reader of untrusted files better than
// a further decoder.
// https://learn.microsoft.com/windows/win32/gdi/bitmap-storage

import { checkedPixels, type Decoded, whole } from './decoded.ts';

const RGB = 0;
const RLE8 = 1;
const RLE4 = 2;
const BITFIELDS = 3;
const ALPHA_BITFIELDS = 6;

interface Header {
  width: number;
  /** Of rows, the first is the lowest unless `topDown`. */
  height: number;
  topDown: boolean;
  bits: number;
  compression: number;
  /** Where pixels begin. */
  start: number;
  palette: Uint8Array;
  /** Bytes of a palette's entry. */
  entry: 3 | 4;
  /** Of red, green, blue and alpha, for 16 and 32 bits. */
  masks: readonly number[];
}

/** Whether bytes begin as a bitmap does. */
export function isBmp(bytes: Uint8Array): boolean {
  return bytes.length > 26 && bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/** Decodes a bitmap. @throws Error with a few words on what is wrong. */
export function decodeBmp(bytes: Uint8Array): Decoded {
  const header = readHeader(bytes);
  const { width, height, bits, compression } = header;
  const data = checkedPixels('BMP', width, height, bits === 32 ? 4 : 3);
  const channels = bits === 32 ? 4 : 3;
  if (compression === RLE8 || compression === RLE4) fromIndices(header, unpackRuns(bytes, header), data);
  else if (bits <= 8) fromIndices(header, unpackIndices(bytes, header), data);
  else fromColours(bytes, header, data, channels);
  return channels === 4
    ? withoutEmptyAlpha({ data, width, height, channels })
    : { data, width, height, channels };
}

function readHeader(bytes: Uint8Array): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = view.getUint32(14, true);
  const core = size === 12;
  if ((!core && size < 40) || 14 + size > bytes.length) throw whole('BMP');
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const rows = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(core ? 24 : 28, true);
  const compression = core ? RGB : view.getUint32(30, true);
  const colours = core ? 0 : view.getUint32(46, true);
  const known =
    (compression === RGB && [1, 4, 8, 16, 24, 32].includes(bits)) ||
    (compression === RLE8 && bits === 8) ||
    (compression === RLE4 && bits === 4) ||
    ((compression === BITFIELDS || compression === ALPHA_BITFIELDS) && (bits === 16 || bits === 32));
  if (!known)
    throw new Error(`the BMP has ${bits} bits a pixel in the coding ${compression}, which is not read`);
  const fields = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  const behind = fields && size === 40 ? (compression === BITFIELDS ? 12 : 16) : 0;
  if (14 + size + behind > bytes.length) throw whole('BMP');
  const mask = (n: number) =>
    fields && (n < 3 || size >= 56 || behind === 16) ? view.getUint32(54 + 4 * n, true) : 0;
  const masks = fields
    ? [mask(0), mask(1), mask(2), mask(3)]
    : bits === 16
      ? [0x7c00, 0x03e0, 0x001f, 0]
      : [0xff0000, 0xff00, 0xff, 0];
  const entry = core ? 3 : 4;
  const palette = 14 + size + behind;
  const entries = bits > 8 ? 0 : Math.min(colours || 2 ** bits, 2 ** bits);
  return {
    width,
    height: Math.abs(rows),
    topDown: rows < 0,
    bits,
    compression,
    start: view.getUint32(10, true),
    palette: bytes.subarray(palette, Math.min(palette + entries * entry, bytes.length)),
    entry,
    masks,
  };
}

/** Where a row of the picture, counted from the top, begins; rows are padded to four bytes. */
function rowStart(bytes: Uint8Array, { width, height, topDown, bits, start }: Header, row: number): number {
  const stride = Math.ceil((width * bits) / 32) * 4;
  const at = start + (topDown ? row : height - 1 - row) * stride;
  if (at + Math.ceil((width * bits) / 8) > bytes.length) throw whole('BMP');
  return at;
}

function unpackIndices(bytes: Uint8Array, header: Header): Uint8Array {
  const { width, height, bits } = header;
  const indices = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const at = rowStart(bytes, header, row);
    for (let x = 0; x < width; x++) {
      const bit = x * bits;
      indices[row * width + x] = (bytes[at + (bit >> 3)]! >> (8 - bits - (bit & 7))) & (2 ** bits - 1);
    }
  }
  return indices;
}

/** Runs of one index (or of two in turn), literal pixels, and jumps; what no run reaches has index 0. */
function unpackRuns(bytes: Uint8Array, { width, height, topDown, bits, start }: Header): Uint8Array {
  const indices = new Uint8Array(width * height);
  let [x, y, at] = [0, 0, start];
  const byte = (): number => {
    if (at >= bytes.length) throw whole('BMP');
    return bytes[at++]!;
  };
  const put = (index: number): void => {
    if (x < width && y < height) indices[(topDown ? y : height - 1 - y) * width + x] = index;
    x++;
  };
  const half = (value: number, n: number) => (bits === 8 ? value : n % 2 === 0 ? value >> 4 : value & 15);
  while (y < height) {
    const count = byte();
    const value = byte();
    if (count > 0) for (let n = 0; n < count; n++) put(half(value, n));
    else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) [x, y] = [x + byte(), y + byte()];
    else {
      let packed = 0;
      const first = at;
      for (let n = 0; n < value; n++) {
        if (bits === 8 || n % 2 === 0) packed = byte();
        put(half(packed, n));
      }
      if ((at - first) % 2 === 1) at++; // literal pixels end on a word
    }
  }
  return indices;
}

function fromIndices({ palette, entry }: Header, indices: Uint8Array, data: Uint8Array): void {
  for (const [i, index] of indices.entries()) {
    const at = index * entry; // blue, green, red
    if (at + 3 > palette.length)
      throw new Error('the BMP has a pixel of a colour that is not in its palette');
    for (let c = 0; c < 3; c++) data[3 * i + c] = palette[at + 2 - c]!;
  }
}

function fromColours(bytes: Uint8Array, header: Header, data: Uint8Array, channels: 3 | 4): void {
  const { width, height, bits, masks } = header;
  const pick = masks.map(channelOf);
  for (let row = 0; row < height; row++) {
    let at = rowStart(bytes, header, row);
    for (let to = row * width * channels; to < (row + 1) * width * channels; to += channels) {
      let value = bytes[at]! | (bytes[at + 1]! << 8);
      if (bits > 16) value |= bytes[at + 2]! << 16;
      if (bits > 24) value = (value | (bytes[at + 3]! << 24)) >>> 0;
      at += bits >> 3;
      for (let c = 0; c < channels; c++) data[to + c] = pick[c]!(value);
    }
  }
}

/** Takes one channel out of a pixel and widens it to a byte. */
function channelOf(mask: number): (value: number) => number {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const most = mask >>> shift;
  return (value) => Math.round((((value & mask) >>> shift) * 255) / most);
}

/** The fourth byte is often left 0 where there is no transparency. */
function withoutEmptyAlpha({ data, ...size }: Decoded): Decoded {
  let seen = 0;
  for (let i = 3; i < data.length; i += 4) seen |= data[i]!;
  if (seen === 0) for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { data, ...size };
}
