// What the fuzzer knows of each parser: how to make files for it, and how to read them.

import type { Draw } from './draw.ts';

/** The files of one case. */
export interface Sample {
  /** By name below the case's folder. */
  files: ReadonlyMap<string, Uint8Array | string>;
  /** What the parser is given: one of the files, or '' for the folder. */
  target: string;
  /** Whatever else the parser is to be told. */
  options?: Readonly<Record<string, unknown>>;
}

export interface Parser {
  readonly name: string;
  /** One line for the list. */
  readonly title: string;
  /** A valid case where the draw's rate is 0. */
  generate(draw: Draw): Sample | Promise<Sample>;
  /**
   * Reads a case and checks that what comes out is sane.
   * @throws a ForgerError where the case is refused; anything else counts as found.
   */
  read(path: string, sample: Sample): Promise<void>;
  /** Names below the case's folder that reading may write. */
  readonly writes?: RegExp;
  /** Refusals that need not name the file, since they are about something else. */
  readonly anonymous?: RegExp;
  /** Files are not damaged byte by byte. */
  readonly whole?: boolean;
}

/** What a parser returned cannot be right. */
export class Insane extends Error {
  override name = 'Insane';
}

export function sane(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Insane(what);
}

/** One file, under a name. */
export function single(
  target: string,
  bytes: Uint8Array | string,
  options?: Readonly<Record<string, unknown>>,
): Sample {
  return { files: new Map([[target, bytes]]), target, ...(options && { options }) };
}

const GUARD = Buffer.from('beyond the file!');

/** The bytes in the middle of others that no parser may look at. */
export function guarded(bytes: Uint8Array): Uint8Array {
  const around = Buffer.alloc(bytes.byteLength + 8192, GUARD);
  around.set(bytes, 4096);
  return new Uint8Array(around.buffer, around.byteOffset + 4096, bytes.byteLength);
}
