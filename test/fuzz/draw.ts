// Random choices of one fuzz case: everything about a case follows from the parser's name, the seed and the case's
// number. Beside plain choices there are twisted ones: `rate` of the numbers, texts and lists that pass through here
// come out hostile.

/** Numbers at which sizes, counts and offsets go wrong. */
const NUMBERS = [
  0,
  1,
  -1,
  127,
  255,
  2 ** 15,
  2 ** 16 - 1,
  2 ** 16,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 50,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  0.5,
  1e308,
  Number.NaN,
  Number.POSITIVE_INFINITY,
];

/** What every escape out of a folder is called, so that it is found again. */
export const ESCAPED = 'forger-fuzz-escaped';

const NAMES = [
  '',
  '.',
  '..',
  `../${ESCAPED}`,
  `../../../../../../../../tmp/${ESCAPED}`,
  `/tmp/${ESCAPED}`,
  `..\\${ESCAPED}`,
  `C:\\${ESCAPED}`,
  'a\0b',
  'a\nb',
  '\x1b[2J\x1b[1;31mred\x07',
  '\u009b31m',
  '\u202egnp.exe',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onload='alert(1)",
  'javascript:alert(1)',
  '</title><svg/onload=alert(1)>',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\ud800',
  '\uffff',
  '🔨',
  'a/b/c/d/e/f/g/h',
  'a.b.c.d.e.f.g.h',
  'x'.repeat(300),
  'x'.repeat(70_000),
  '%s%n%x',
  ' ',
];

/** The seed of one case: FNV-1a of its words. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const character of text) h = Math.imul(h ^ character.codePointAt(0)!, 0x01000193);
  return h;
}

export class Draw {
  #state: number;
  /** The share of twisted values among those that may be; 0 gives a valid file. */
  rate = 0;

  constructor(parser: string, seed: number, index: number) {
    this.#state = hash(`${parser}/${seed}/${index}`);
  }

  /** Uniform in [0, 1) (mulberry32, T. Ettinger 2017). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)]!;
  }

  /** A few items, made by `make`. */
  several<T>(least: number, most: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.int(least, most) }, (_, i) => make(i));
  }

  bytes(length: number): Buffer {
    return Buffer.from(Uint8Array.from({ length }, () => this.int(0, 255)));
  }

  /** Whether this value is one to twist. */
  twists(): boolean {
    return this.rate > 0 && this.chance(this.rate);
  }

  /** A hostile number, near `n` or at an edge. */
  hostileNumber(n: number): number {
    return this.chance(0.4) ? this.pick([n + 1, n - 1, 2 * n, -n, n / 2, n * 1000]) : this.pick(NUMBERS);
  }

  hostileText(): string {
    return this.pick(NAMES);
  }

  number(n: number): number {
    return this.twists() ? this.hostileNumber(n) : n;
  }

  /** As `number`, for a field of a binary file. @returns its bits. */
  bits(n: number): bigint {
    return whole(this.number(n));
  }

  text(value: string): string {
    if (!this.twists()) return value;
    const hostile = this.hostileText();
    return this.pick([hostile, value + hostile, hostile + value]);
  }

  /** The list, or one with an item missing, doubled, moved or swapped. */
  list<T>(items: readonly T[]): T[] {
    const list = [...items];
    if (!this.twists() || list.length === 0) return list;
    const at = this.int(0, list.length - 1);
    const item = list[at]!;
    const change = this.int(0, 3);
    if (change === 0) list.splice(at, 1);
    else if (change === 1) list.splice(at, 0, item);
    else if (change === 2) list.reverse();
    else list.splice(0, 0, ...list.splice(at));
    return list;
  }

  /** Bytes of a part of a file, damaged where they are to be twisted. */
  part(bytes: Uint8Array): Uint8Array {
    return this.twists() ? this.damage(bytes) : bytes;
  }

  /** Bytes after a few random changes: flips, cuts, insertions, repeats, splices, numbers at edges. */
  damage(bytes: Uint8Array): Buffer {
    let damaged: Buffer = Buffer.from(bytes);
    for (let n = this.pick([1, 1, 1, 2, 4, 16]); n > 0; n--) damaged = this.#change(damaged);
    return damaged;
  }

  #change(bytes: Buffer): Buffer {
    // Headers are at the front, directories at the end.
    const near = this.int(0, Math.min(64, bytes.length));
    const at = this.pick([this.int(0, bytes.length), near, bytes.length - near]);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    const from = this.int(0, bytes.length);
    const chunk = bytes.subarray(from, from + this.int(0, 64));
    const copy = Buffer.from(bytes);
    switch (this.int(0, 8)) {
      case 0:
        return head;
      case 1:
        return Buffer.concat([head, this.bytes(this.int(1, 16)), tail]);
      case 2:
        return Buffer.concat([head, tail.subarray(this.int(1, 16))]);
      case 3:
        return Buffer.concat([head, ...Array<Buffer>(this.int(1, 8)).fill(chunk), tail]);
      case 4:
        copy.set(chunk.subarray(0, copy.length - at), at);
        return copy;
      case 5:
        if (at < copy.length) copy[at] = this.pick([0, 255, this.int(0, 255)]);
        return copy;
      case 6:
        if (at < copy.length) copy[at]! ^= 1 << this.int(0, 7);
        return copy;
      default: {
        const size = this.pick([2, 4, 8]);
        if (at + size > copy.length) return copy;
        const value = number(whole(this.hostileNumber(at)), size, this.chance(0.5));
        return Buffer.concat([head, value, tail.subarray(size)]);
      }
    }
  }
}

function whole(n: number): bigint {
  return Number.isFinite(n) ? BigInt(Math.trunc(n)) : 2n ** 64n - 1n;
}

/** A whole number in `size` bytes, what does not fit cut off. */
export function number(value: bigint | number, size: number, little = true): Buffer {
  const bits = BigInt.asUintN(8 * size, BigInt(value));
  const bytes = Buffer.from(bits.toString(16).padStart(2 * size, '0'), 'hex');
  return little ? bytes.reverse() : bytes;
}
