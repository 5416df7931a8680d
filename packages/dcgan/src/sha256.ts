// SHA-256, the same digits in Node, in a page and in a worker.
//
// Web Crypto hashes 47 MB (MNIST) in 80 ms off the thread; @noble/hashes takes 1.0 to 1.4 s on it (Node 20, one core of
// a Sapphire Rapids). So large data go to Web Crypto, where there is one: a page that came over plain HTTP has none.

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** The hash of a short text, in hexadecimal. */
export function sha256OfText(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** The hash of bytes, however many, in hexadecimal. */
export async function sha256OfBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const subtle = globalThis.crypto?.subtle as typeof crypto.subtle | undefined;
  if (!subtle) return bytesToHex(sha256(bytes));
  return bytesToHex(new Uint8Array(await subtle.digest('SHA-256', bytes)));
}
