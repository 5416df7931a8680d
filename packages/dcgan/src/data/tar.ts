// Reads the regular files of a tar archive in memory. CIFAR-10 is published as one; reading it here needs neither a
// `tar` program, which not every system has, nor a second copy of the data on disk. Format: POSIX ustar,
// IEEE Std 1003.1 "pax", table "ustar Header Block".
import { DataError } from '@forger/tensor';

const BLOCK = 512;
const MOST_NAME_BYTES = 65_536;

export interface TarEntry {
  name: string;
  /** A view of the archive. */
  bytes: Uint8Array;
}

const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, MOST_NAME_BYTES));

/** The regular files of an archive; `file` is only named in errors. Throws DataError for a damaged archive. */
export function readTar(archive: Uint8Array, file: string): TarEntry[] {
  const entries: TarEntry[] = [];
  /** Names too long for a header stand in an entry of their own before it: GNU's type L, and `path` of pax. */
  let long: string | undefined;
  let at = 0;
  while (at + BLOCK <= archive.length) {
    const header = archive.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return entries;
    const text = (start: number, length: number) =>
      String.fromCharCode(...header.subarray(start, start + length))
        .replace(/\0.*$/s, '')
        .trim();
    // The checksum counts its own eight bytes as blanks.
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    const size = Number.parseInt(text(124, 12), 8);
    const end = at + BLOCK + size;
    if (sum !== Number.parseInt(text(148, 8), 8) || !(size >= 0) || end > archive.length) {
      throw new DataError(`'${file}' is not a whole tar archive (byte ${at}); download or copy it again.`);
    }
    const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
    const type = text(156, 1);
    const bytes = archive.subarray(at + BLOCK, end);
    if (type === '0' || type === '') {
      const name = text(0, 100);
      entries.push({ name: long ?? (prefix ? `${prefix}/${name}` : name), bytes });
    }
    if (type === 'L') long = utf8(bytes).replace(/\0.*$/s, '');
    else if (type === 'x') long = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(utf8(bytes))?.[1];
    else long = undefined;
    at = Math.ceil(end / BLOCK) * BLOCK;
  }
  throw new DataError(`'${file}' is a tar archive that ends too early; download or copy it again.`);
}
