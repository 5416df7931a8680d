// Reading ZIP archives, which `.pth` and `.npz` files are. What an archive claims is held against what it is:
// every file to its size and checksum, names to one file each, and what may be unpacked to a limit. fflate
// inflates and does no more: its own reading of archives compares neither checksums nor sizes, and libraries
// that do are ten times its size in a page.

import { CheckpointError } from '@forger/tensor';
import { Inflate } from 'fflate';
import { Budget } from './budget.ts';
import { crc32 } from './crc32.ts';
import { quote } from './entry.ts';
import { packedData, readDirectory, type ZipEntry } from './zip-directory.ts';

const STORED = 0;
const DEFLATED = 8;

/** Bytes inflated at once: they may unfold to 1032 times as many before these are counted. */
const PIECE_BYTES = 16 * 1024;

function unsound(what: string, cause?: unknown): CheckpointError {
  return new CheckpointError(
    `the ZIP archive is damaged, cut short or hostile (${what}): copy or download it again`,
    { cause },
  );
}

/** An archive in memory. */
export class ZipArchive {
  readonly #bytes: Uint8Array;
  readonly #entries: ReadonlyMap<string, ZipEntry>;
  readonly #budget: Budget;

  /** Reads the central directory. @throws CheckpointError unless it is sound. */
  constructor(bytes: Uint8Array) {
    const entries = new Map<string, ZipEntry>();
    let packed = 0;
    try {
      for (const entry of readDirectory(bytes)) {
        const { name, compressedSize } = entry;
        if (entries.has(name)) throw new Error(`it holds two files called ${quote(name)}`);
        packed += compressedSize;
        // Files that lie over each other are how a small archive unfolds to a huge one without high compression.
        if (packed > bytes.byteLength) throw new Error('its files are together larger than it is');
        entries.set(name, entry);
      }
    } catch (error) {
      throw unsound((error as Error).message, error);
    }
    this.#bytes = bytes;
    this.#entries = entries;
    this.#budget = new Budget(bytes.byteLength);
  }

  /** Names of the files, in the order of the directory. */
  names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Size of a file once it is unpacked, as the directory claims it; undefined when there is no such file. */
  size(name: string): number | undefined {
    return this.#entries.get(name)?.size;
  }

  /**
   * Unpacks a file and compares its checksum.
   * @throws CheckpointError when there is none of that name, when it is damaged, or when it is suspiciously large.
   */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entries.get(name);
    if (!entry) throw unsound(`there is no ${quote(name)} in it`);
    this.#budget.spend(entry.size, `the file ${quote(name)} of the ZIP archive`);
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = unpack(this.#bytes, entry);
    } catch (error) {
      throw unsound(`${quote(name)}: ${(error as Error).message}`, error);
    }
    if (crc32(bytes) !== entry.crc) throw unsound(`the checksum of ${quote(name)} is wrong`);
    return bytes;
  }
}

/** The file's bytes, exactly as many as the directory says. @throws Error, in a few words, when they are not. */
function unpack(archive: Uint8Array, entry: ZipEntry): Uint8Array<ArrayBuffer> {
  const { method, encrypted, size } = entry;
  if (encrypted) throw new Error('it is encrypted');
  if (method !== STORED && method !== DEFLATED) throw new Error(`unsupported compression method: ${method}`);
  const packed = packedData(archive, entry);
  if (method === STORED) return new Uint8Array(packed);
  const bytes = new Uint8Array(size);
  let at = 0;
  const stream = new Inflate((piece) => {
    if (at + piece.length > size)
      throw new Error(`too many bytes in the stream. expected ${size}. got at least ${at + piece.length}`);
    bytes.set(piece, at);
    at += piece.length;
  });
  for (let from = 0; from < packed.length; from += PIECE_BYTES)
    stream.push(packed.subarray(from, from + PIECE_BYTES), from + PIECE_BYTES >= packed.length);
  if (at < size) throw new Error(`not enough bytes in the stream. expected ${size}. got only ${at}`);
  return bytes;
}
