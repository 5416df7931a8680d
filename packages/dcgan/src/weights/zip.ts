// Reading ZIP archives, which `.pth` and `.npz` files are. yauzl parses them: it goes by the central directory alone,
// refuses names that leave the archive, and holds every file to its claimed size. Added here are checksums, limits on
// what may be unpacked, and the refusal of names that come twice.

import { CheckpointError } from '@forger/tensor';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { Budget } from './budget.ts';
import { crc32 } from './crc32.ts';
import { quote } from './entry.ts';

function unsound(what: string, cause?: unknown): CheckpointError {
  return new CheckpointError(
    `the ZIP archive is damaged, cut short or hostile (${what}): copy or download it again`,
    { cause },
  );
}

/** An archive in memory. */
export class ZipArchive {
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #budget: Budget;

  private constructor(zip: ZipFile, entries: ReadonlyMap<string, Entry>, budget: Budget) {
    this.#zip = zip;
    this.#entries = entries;
    this.#budget = budget;
  }

  /** Reads the central directory. @throws CheckpointError unless it is sound. */
  static async open(bytes: Uint8Array): Promise<ZipArchive> {
    const budget = new Budget(bytes.byteLength);
    const entries = new Map<string, Entry>();
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let zip: ZipFile;
    let packed = 0;
    try {
      zip = await fromBufferPromise(buffer);
      for await (const entry of zip.eachEntry()) {
        const { fileName, compressedSize } = entry;
        if (entries.has(fileName)) throw new Error(`it holds two files called ${quote(fileName)}`);
        packed += compressedSize;
        // Files that lie over each other are how a small archive unfolds to a huge one without high compression.
        if (packed > bytes.byteLength) throw new Error('its files are together larger than it is');
        entries.set(fileName, entry);
      }
    } catch (error) {
      throw unsound((error as Error).message, error);
    }
    return new ZipArchive(zip, entries, budget);
  }

  /** Names of the files, in the order of the directory. */
  names(): string[] {
    return [...this.#entries.keys()];
  }

  /** Size of a file once it is unpacked, as the directory claims it; undefined when there is no such file. */
  size(name: string): number | undefined {
    return this.#entries.get(name)?.uncompressedSize;
  }

  /**
   * Unpacks a file and compares its checksum.
   * @throws CheckpointError when there is none of that name, when it is damaged, or when it is suspiciously large.
   */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.#entries.get(name);
    if (!entry) throw unsound(`there is no ${quote(name)} in it`);
    this.#budget.spend(entry.uncompressedSize, `the file ${quote(name)} of the ZIP archive`);
    const bytes = new Uint8Array(entry.uncompressedSize);
    let at = 0;
    try {
      for await (const chunk of await this.#zip.openReadStreamPromise(entry)) {
        bytes.set(chunk as Buffer, at);
        at += (chunk as Buffer).length;
      }
    } catch (error) {
      throw unsound(`${quote(name)}: ${(error as Error).message}`, error);
    }
    if (at !== bytes.length)
      throw unsound(`${quote(name)} has ${at} bytes where ${bytes.length} are claimed`);
    if (crc32(bytes) !== entry.crc32) throw unsound(`the checksum of ${quote(name)} is wrong`);
    return bytes;
  }
}
