// Gzip in memory, within bounds, by the platform's own DecompressionStream: in Node, in a page and in a worker.
import { DataError } from '@forger/tensor';

/**
 * Bytes that are decompressed at once: some platforms unfold a whole piece before it can be stopped, up to
 * 1032 times its size.
 */
const PIECE_BYTES = 16 * 1024;

/**
 * A file may unfold to this much, and to so many times its size: photographs hardly compress, and drawings by 20 or so.
 */
const FREE_BYTES = 64 * 2 ** 20;
export const MOST_TIMES = 64;

/** The most that a gzip file of this size may unfold to, whatever it claims. */
export function mostInflated(fileBytes: number): number {
  return FREE_BYTES + MOST_TIMES * fileBytes;
}

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** The DataError for a gzip file that unfolds to more than is allowed, whatever its header claims. */
export function exhausting(file: string, most: number, cause?: unknown): DataError {
  return new DataError(
    `'${file}' is a gzip file that unfolds to more than ${most} bytes (64 MiB and ${MOST_TIMES} times its size), which ` +
      'is how a file exhausts memory; if you trust it, unpack it and give the unpacked file.',
    { cause },
  );
}

/** The DataError for a gzip file with more in it than the header of its content says. */
export function overfull(file: string, cause?: unknown): DataError {
  return new DataError(
    `'${file}' is a gzip file that holds more data than its header says; download or copy it again.`,
    { cause },
  );
}

/**
 * The content of bytes that may be gzipped. `claim` gets the first bytes of the content, at least `headBytes`
 * of them if there are so many, and says how many there must be in all (or throws): inflating stops there, or
 * at so many times the file's size, so a small file cannot fill the memory. `file` is only named in errors.
 * @returns the content; fewer bytes than claimed are returned as they are.
 * @throws DataError for bytes that are damaged or hold more than `claim` said.
 */
export async function gunzip(
  bytes: Uint8Array,
  file: string,
  headBytes: number,
  claim: (head: Uint8Array) => number,
): Promise<Uint8Array> {
  if (!isGzip(bytes)) {
    claim(bytes);
    return bytes;
  }
  const most = mostInflated(bytes.length);
  const reader = piecesOf(bytes).pipeThrough(new DecompressionStream('gzip')).getReader();
  const head: Uint8Array[] = [];
  let content: Uint8Array | undefined;
  let claimed = 0;
  let at = 0;
  /** Makes room for what is claimed once the head is there. */
  const begin = (): void => {
    claimed = claim(joined(head, at));
    content = new Uint8Array(Math.min(claimed, most));
    at = 0;
    for (const piece of head) put(piece);
  };
  const put = (piece: Uint8Array): void => {
    if (at + piece.length > content!.length) throw claimed > most ? exhausting(file, most) : overfull(file);
    content!.set(piece, at);
    at += piece.length;
  };
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw new DataError(
          `'${file}' is a gzip file that is damaged or ends too early; download or copy it again.`,
          { cause: error },
        );
      });
      if (done) break;
      if (content) put(value);
      else {
        head.push(value);
        at += value.length;
        if (at >= headBytes) begin();
      }
    }
    if (!content) begin();
    return content!.subarray(0, at);
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

function piecesOf(bytes: Uint8Array): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      // A copy: streams refuse a SharedArrayBuffer.
      controller.enqueue(new Uint8Array(bytes.subarray(at, at + PIECE_BYTES)));
      at += PIECE_BYTES;
      if (at >= bytes.length) controller.close();
    },
  });
}
