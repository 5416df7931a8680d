// Pictures of every format that is read, in folders and in ZIP archives, with sizes, chunks and names that may lie.

import { createRequire } from 'node:module';
import { deflateSync } from 'node:zlib';
import { crc32 } from '../../../packages/dcgan/src/weights/crc32.ts';
import { type Draw, number } from '../draw.ts';
import type { Parser, Sample } from '../parser.ts';
import { openAndRead, options } from './datasets.ts';
import { chunk, pngOf } from './hostile-files.ts';
import { twistedZip } from './zips.ts';

/** sharp as the forger package has it. */
const sharp: typeof import('../../../packages/forger/node_modules/sharp/lib/index.js') = createRequire(
  new URL('../../../packages/forger/package.json', import.meta.url),
)('sharp');

const FORMATS = ['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff'] as const;
type Format = (typeof FORMATS)[number];

const made = new Map<string, Buffer>();

/** A small picture as sharp writes it, of a few kinds for each format. */
export async function sound(format: Format, kind: number): Promise<Buffer> {
  const key = `${format} ${kind}`;
  const known = made.get(key);
  if (known) return known;
  const channels = ([3, 4, 3] as const)[kind]!;
  const [width, height] = [9 + kind, 7];
  const raw = Buffer.from(Uint8Array.from({ length: width * height * channels }, (_, i) => i * 7));
  let image = sharp(raw, { raw: { width, height, channels } });
  if (kind === 2) image = image.withMetadata({ orientation: 6 });
  const settings = { progressive: kind === 1, ...(format === 'avif' && { effort: 0 }) };
  const bytes = await image.toFormat(format, settings).toBuffer();
  made.set(key, bytes);
  return bytes;
}

/** Where formats keep sizes, in big or little endian; found by what stands before them. */
const MARKS: [mark: string, offset: number, size: number, little: boolean][] = [
  ['IHDR', 4, 4, false],
  ['IHDR', 8, 4, false],
  ['IHDR', 12, 1, false],
  ['IHDR', 13, 1, false],
  ['IHDR', 16, 1, false],
  ['\xff\xc0', 5, 2, false],
  ['\xff\xc0', 7, 2, false],
  ['\xff\xc2', 5, 2, false],
  ['\xff\xc2', 7, 2, false],
  ['\xff\xda', 2, 2, false],
  ['Exif', -2, 2, false],
  ['GIF8', 6, 2, true],
  ['GIF8', 8, 2, true],
  ['RIFF', 4, 4, true],
  ['VP8 ', 4, 4, true],
  ['VP8 ', 14, 2, true],
  ['VP8X', 12, 3, true],
  ['VP8X', 15, 3, true],
  ['ispe', 8, 4, false],
  ['ispe', 12, 4, false],
  ['iloc', 12, 4, false],
  ['ftyp', -4, 4, false],
  ['II*\0', 4, 4, true],
];

/** Chunks of a PNG get their checksums anew. */
function mendChecksums(bytes: Buffer): Buffer {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    if (at + 12 + length > bytes.length) break;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, at + 8 + length)), at + 8 + length);
    at += 12 + length;
  }
  return bytes;
}

export function lying(draw: Draw, bytes: Buffer, format: Format): Buffer {
  const copy = Buffer.from(bytes);
  for (const [mark, offset, size, little] of MARKS) {
    const at = copy.indexOf(mark, 0, 'latin1') + offset;
    if (at < offset || at < 0 || at + size > copy.length || !draw.twists()) continue;
    number(draw.bits(draw.pick([100_000, 65_535, 10_000])), size, little).copy(copy, at);
  }
  if (format === 'tiff') lieInDirectory(draw, copy);
  return format === 'png' ? mendChecksums(copy) : copy;
}

/** The entries of a TIFF's first directory: tag, type, count and value. */
function lieInDirectory(draw: Draw, bytes: Buffer): void {
  const start = bytes.readUInt32LE(4);
  if (start + 2 > bytes.length) return;
  for (let i = 0; i < bytes.readUInt16LE(start); i++) {
    for (const [offset, size] of [
      [0, 2],
      [2, 2],
      [4, 4],
      [8, 4],
    ] as const) {
      const at = start + 2 + 12 * i + offset;
      if (at + size > bytes.length || !draw.twists()) continue;
      number(draw.bits(bytes.readUIntLE(at, size)), size).copy(bytes, at);
    }
  }
}

/** A PNG of nothing but zeros that claims a size, and unfolds to some of it. */
function pngBomb(draw: Draw): Buffer {
  const [width, height] = draw.pick([
    [100_000, 100_000],
    [10_000, 10_000],
    [9999, 9999],
    [2 ** 31 - 1, 1],
    [1, 2 ** 31 - 1],
    [30_000, 3000],
  ]);
  const [depth, type] = draw.pick([
    [8, 2],
    [16, 6],
    [1, 0],
    [8, 3],
  ]);
  const interlaced = draw.int(0, 1) === 1;
  const note = Buffer.concat([Buffer.from('x\0\0'), deflateSync(Buffer.alloc(2 ** 20))]);
  const mebibytes = draw.pick([1, 100, 800]);
  const extra = Array.from({ length: draw.pick([0, 0, 20]) }, () => chunk('zTXt', note));
  return pngOf(width, height, { depth, type, interlaced, mebibytes, extra });
}

/** Other files under a picture's name: drawings are programs of a kind, and may name further files. */
const FOREIGN = [
  '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
  '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="99999" height="99999"><image xlink:href="file:///etc/passwd"/></svg>',
  '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&b;</text></svg>',
  '%PDF-1.4\n',
  'P6 99999 99999 255\n',
  '#?RADIANCE\n\n-Y 9 +X 9\n',
  'BM',
  '',
];

async function picture(draw: Draw): Promise<{ format: Format; bytes: Uint8Array }> {
  const format = draw.pick(FORMATS);
  if (draw.rate > 0 && draw.chance(0.01)) return { format, bytes: pngBomb(draw) };
  if (draw.twists()) return { format, bytes: Buffer.from(draw.pick(FOREIGN)) };
  const bytes = lying(draw, await sound(format, draw.int(0, 2)), format);
  return { format, bytes: draw.part(bytes) };
}

async function pictures(draw: Draw): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (let i = draw.int(2, 4); i > 0; i--) {
    const { format, bytes } = await picture(draw);
    files.set(`${i}.${format}`, bytes);
  }
  return files;
}

/** A name that a file system takes. */
const named = (draw: Draw, name: string) =>
  draw
    .text(name)
    .replace(/[/\0\ud800]|^\.+|^$/g, '_')
    .slice(0, 80);

const folderParser: Parser = {
  name: 'pictures',
  title: 'folders of PNG, JPEG, WebP, GIF, AVIF and TIFF',
  generate: async (draw): Promise<Sample> => {
    const files = new Map<string, Uint8Array>();
    for (const [name, bytes] of await pictures(draw)) files.set(`set/${named(draw, name)}`, bytes);
    const background = draw.twists() ? { background: draw.hostileText() } : {};
    return { files, target: 'set', options: { ...options(draw), ...background } };
  },
  read: openAndRead,
  anonymous: /^The background /,
};

const zipParser: Parser = {
  name: 'picture-zip',
  title: 'ZIP archives of pictures',
  generate: async (draw): Promise<Sample> => {
    const members = Array.from(await pictures(draw), ([name, bytes]) => ({ name: `sprites/${name}`, bytes }));
    return {
      files: new Map([['x.zip', twistedZip(draw, members)]]),
      target: 'x.zip',
      options: options(draw),
    };
  },
  read: openAndRead,
};

export const parsers = [folderParser, zipParser];
