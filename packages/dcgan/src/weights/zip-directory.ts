// The directory of a ZIP archive in memory, as PKWARE's APPNOTE.TXT lays it out (section 4.3), zip64
// included. It goes by the central directory alone, refuses names that leave the archive, and looks where a
// file's data lie only within it.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

import { crc32 } from './crc32.ts';

/** One file of an archive, as the central directory describes it. */
export interface ZipEntry {
  readonly name: string;
  /** 0: stored; 8: deflate. */
  readonly method: number;
  readonly encrypted: boolean;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Where its local header begins. */
  readonly offset: number;
}

const END = { signature: 0x06054b50, bytes: 22, mostComment: 0xffff };
const LOCATOR_64 = { signature: 0x07064b50, bytes: 20 };
const END_64 = { signature: 0x06064b50, bytes: 56 };
const CENTRAL = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };

/** Extra fields: sizes and offsets of 64 bits (4.5.3); a name in UTF-8 beside another encoding's (4.6.9). */
const ZIP64_FIELD = 0x0001;
const UNICODE_NAME_FIELD = 0x7075;

const ENCRYPTED = 0x1;
const STRONGLY_ENCRYPTED = 0x40;
const UTF8 = 0x800;

/** In place of a size or an offset that stands in the zip64 field. */
const ELSEWHERE = 0xffffffff;

/** The files of an archive, in the order of its directory. @throws Error, in a few words, when it is unsound. */
export function* readDirectory(bytes: Uint8Array): Generator<ZipEntry, void, void> {
  const { count, offset } = findDirectory(bytes);
  let at = offset;
  for (let i = 0; i < count; i++) {
    const head = part(bytes, at, CENTRAL.bytes);
    const signature = head.getUint32(0, true);
    if (signature !== CENTRAL.signature)
      throw new Error(`invalid central directory file header signature: 0x${signature.toString(16)}`);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((place) => head.getUint16(place, true));
    const nameAt = at + CENTRAL.bytes;
    const extraAt = nameAt + nameBytes!;
    at = extraAt + extraBytes! + commentBytes!;
    if (at > bytes.length) throw new Error('unexpected end of the directory');
    yield readEntry(head, bytes.subarray(nameAt, extraAt), bytes.subarray(extraAt, extraAt + extraBytes!));
  }
}

/** A file's data as they stand in the archive. @throws Error, in a few words, when they are not within it. */
export function packedData(bytes: Uint8Array, { offset, compressedSize }: ZipEntry): Uint8Array {
  const head = part(bytes, offset, LOCAL.bytes);
  const signature = head.getUint32(0, true);
  if (signature !== LOCAL.signature)
    throw new Error(`invalid local file header signature: 0x${signature.toString(16)}`);
  const start = offset + LOCAL.bytes + head.getUint16(26, true) + head.getUint16(28, true);
  if (start + compressedSize > bytes.length)
    throw new Error(`file data overflows file bounds: ${start} + ${compressedSize} > ${bytes.length}`);
  return bytes.subarray(start, start + compressedSize);
}

/** A view of some bytes. @throws Error unless all of them are there. */
function part(bytes: Uint8Array, at: number, length: number): DataView {
  if (!(at >= 0 && at + length <= bytes.length)) throw new Error('unexpected end of the file');
  return new DataView(bytes.buffer, bytes.byteOffset + at, length);
}

/**
 * Where the directory begins and how many files it has, from the record at the archive's end (4.3.16, 4.3.14, 4.3.15).
 */
function findDirectory(bytes: Uint8Array): { count: number; offset: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = bytes.length - END.bytes;
  let at = last;
  while (at >= Math.max(0, last - END.mostComment) && view.getUint32(at, true) !== END.signature) at--;
  if (at < 0 || at < last - END.mostComment)
    throw new Error(
      'End of central directory record signature not found. Either not a zip file, or file is truncated.',
    );
  const comment = view.getUint16(at + 20, true);
  if (comment !== last - at)
    throw new Error(`Invalid comment length. Expected: ${last - at}. Found: ${comment}.`);
  let disk = view.getUint16(at + 4, true);
  let count = view.getUint16(at + 10, true);
  let offset = view.getUint32(at + 16, true);
  const locatorAt = at - LOCATOR_64.bytes;
  if (locatorAt >= 0 && view.getUint32(locatorAt, true) === LOCATOR_64.signature) {
    const end = part(bytes, uint64(view, locatorAt + 8), END_64.bytes);
    if (end.getUint32(0, true) !== END_64.signature)
      throw new Error('invalid zip64 end of central directory record signature');
    [disk, count, offset] = [end.getUint32(16, true), uint64(end, 32), uint64(end, 48)];
  }
  if (disk !== 0) throw new Error(`multi-disk zip files are not supported: found disk number: ${disk}`);
  return { count, offset };
}

/** A number of 64 bits; beyond 2^53 it is rounded, and larger than any archive. */
function uint64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function readEntry(head: DataView, rawName: Uint8Array, extra: Uint8Array): ZipEntry {
  const flags = head.getUint16(8, true);
  const method = head.getUint16(10, true);
  if (flags & STRONGLY_ENCRYPTED) throw new Error('strong encryption is not supported');
  const fields = extraFields(extra);
  // Name in UTF-8 that goes with just this name, else the name in the encoding that the flag says.
  const unicode = fields.find(
    ({ id, data }) =>
      id === UNICODE_NAME_FIELD &&
      data.length >= 6 &&
      data[0] === 1 &&
      viewOf(data).getUint32(1, true) === crc32(rawName),
  );
  const name = (
    unicode ? utf8(unicode.data.subarray(5)) : flags & UTF8 ? utf8(rawName) : cp437(rawName)
  ).replaceAll('\\', '/');
  checkName(name);

  const wide = fields.find(({ id }) => id === ZIP64_FIELD);
  let wideAt = 0;
  /** The field's values stand in this order, each only where the narrow one has no room for it. */
  const size = (at: number, what: string): number => {
    const narrow = head.getUint32(at, true);
    if (narrow !== ELSEWHERE || !wide) return narrow;
    if (wideAt + 8 > wide.data.length)
      throw new Error(`zip64 extended information extra field does not include ${what}`);
    wideAt += 8;
    return uint64(viewOf(wide.data), wideAt - 8);
  };
  const unpacked = size(24, 'uncompressed size');
  const compressedSize = size(20, 'compressed size');
  const encrypted = (flags & ENCRYPTED) !== 0;
  if (method === 0 && !encrypted && compressedSize !== unpacked)
    throw new Error(
      `compressed/uncompressed size mismatch for stored file: ${compressedSize} != ${unpacked}`,
    );
  return {
    name,
    method,
    encrypted,
    crc: head.getUint32(16, true),
    compressedSize,
    size: unpacked,
    offset: size(42, 'relative header offset'),
  };
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function extraFields(extra: Uint8Array): { id: number; data: Uint8Array }[] {
  const view = viewOf(extra);
  const fields: { id: number; data: Uint8Array }[] = [];
  for (let at = 0; at < extra.length - 3; ) {
    const start = at + 4;
    const end = start + view.getUint16(at + 2, true);
    if (end > extra.length) throw new Error('extra field length exceeds extra field buffer size');
    fields.push({ id: view.getUint16(at, true), data: extra.subarray(start, end) });
    at = end;
  }
  return fields;
}

/** Refuses names that would lead out of the archive. */
function checkName(name: string): void {
  if (/^([a-zA-Z]:|\/)/.test(name)) throw new Error(`absolute path: ${name}`);
  if (name.split('/').includes('..')) throw new Error(`invalid relative path: ${name}`);
}

const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** The upper half of IBM's code page 437, which names are in unless they say otherwise (appendix D). */
const CP437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

function cp437(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte < 128 ? String.fromCharCode(byte) : CP437[byte - 128]!)).join('');
}
