// Reading Python's pickles without running them. A pickle is a program for a small stack machine
// (https://github.com/python/cpython/blob/main/Lib/pickletools.py), able to call any function that it names. Here an
// instruction outside the table below is refused, and so is every name that the caller's rules do not know; what a
// known name does is written in those rules, in TypeScript.

import { CheckpointError } from '@forger/tensor';
import { quote } from './entry.ts';

/** An object that the interpreter created. A pickle can pass it as an argument, and do nothing else with it. */
export abstract class PickleObject {}

/** A class or function that the rules know. */
export class PickleGlobal extends PickleObject {
  /** @param call what calling it gives; without it, it can only be named. */
  constructor(
    readonly name: string,
    readonly call?: (args: readonly PickleValue[]) => PickleValue,
  ) {
    super();
  }
}

export type PickleMap = Map<string | number, PickleValue>;

/** Lists and tuples are arrays; whole numbers beyond 2^53 are bigints. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleMap
  | PickleObject;

export interface PickleRules {
  /** The class or function of a dotted name; undefined refuses it. */
  global(name: string): PickleGlobal | undefined;
  /** The object that is stored outside the pickle under this id. */
  persistent(id: PickleValue): PickleValue;
  /** What Python 2 wrote as text may be bytes: what is not short and ASCII comes as such. */
  readonly bytesInText?: boolean;
  /** Sets the attributes of an object of the rules. @returns undefined where that is refused. */
  build?(target: PickleValue, state: PickleValue): PickleValue | undefined;
}

/** A state dict takes a few dozen for each tensor. */
const MOST_INSTRUCTIONS = 1_000_000;
const MOST_NAME_BYTES = 256;
/** The longest whole number in PyTorch's files is their 10-byte magic number. */
const MOST_INTEGER_BYTES = 16;

/** What to do about a pickle that holds more than weights. */
const SAVE_STATE_DICT =
  'in PyTorch, load it there if you trust it, and save the weights alone with torch.save(model.state_dict(), path)';

/** Instructions that exist and are refused, for the message. */
const REFUSED: Readonly<Record<number, string>> = {
  48: 'POP',
  49: 'POP_MARK',
  50: 'DUP',
  70: 'FLOAT',
  73: 'INT',
  76: 'LONG',
  80: 'PERSID',
  83: 'STRING',
  86: 'UNICODE',
  100: 'DICT',
  103: 'GET',
  108: 'LIST',
  111: 'OBJ',
  112: 'PUT',
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  143: 'EMPTY_SET',
  144: 'ADDITEMS',
  145: 'FROZENSET',
  146: 'NEWOBJ_EX',
  150: 'BYTEARRAY8',
  151: 'NEXT_BUFFER',
  152: 'READONLY_BUFFER',
};

export function damagedPickle(what: string): CheckpointError {
  return new CheckpointError(`its pickle is damaged or cut short (${what}): copy or download the file again`);
}

/** A pickle that asks for more than weights. */
export function refusedPickle(what: string): CheckpointError {
  return new CheckpointError(
    `its pickle ${what}; it was refused and nothing in it was run: ${SAVE_STATE_DICT}`,
  );
}

/**
 * Reads one pickle that starts at byte `start`.
 * @returns its value, and where the bytes after it begin.
 * @throws CheckpointError when it is damaged, or asks for anything that the rules do not know.
 */
export function unpickle(
  bytes: Uint8Array,
  rules: PickleRules,
  start = 0,
): { value: PickleValue; end: number } {
  return new Unpickler(bytes, rules, start).run();
}

class Unpickler {
  /** What each instruction does. */
  static readonly #instructions: Readonly<Record<string, [code: number, run: (p: Unpickler) => void]>> = {
    PROTO: [0x80, (p) => p.#checkProtocol()],
    FRAME: [0x95, (p) => p.#take(8)], // how far to read ahead
    NONE: [0x4e, (p) => p.#push(null)],
    NEWTRUE: [0x88, (p) => p.#push(true)],
    NEWFALSE: [0x89, (p) => p.#push(false)],
    BININT: [0x4a, (p) => p.#push(p.#view.getInt32(p.#take(4), true))],
    BININT1: [0x4b, (p) => p.#push(p.#byte())],
    BININT2: [0x4d, (p) => p.#push(p.#view.getUint16(p.#take(2), true))],
    LONG1: [0x8a, (p) => p.#push(p.#integer(p.#byte()))],
    LONG4: [0x8b, (p) => p.#push(p.#integer(p.#uint32()))],
    BINFLOAT: [0x47, (p) => p.#push(p.#view.getFloat64(p.#take(8)))],
    BINSTRING: [0x54, (p) => p.#push(p.#oldText(p.#uint32()))], // text of Python 2
    SHORT_BINSTRING: [0x55, (p) => p.#push(p.#oldText(p.#byte()))], // text of Python 2
    BINUNICODE: [0x58, (p) => p.#push(p.#text(p.#uint32()))],
    SHORT_BINUNICODE: [0x8c, (p) => p.#push(p.#text(p.#byte()))],
    BINUNICODE8: [0x8d, (p) => p.#push(p.#text(p.#uint64()))],
    BINBYTES: [0x42, (p) => p.#push(p.#raw(p.#uint32()))],
    SHORT_BINBYTES: [0x43, (p) => p.#push(p.#raw(p.#byte()))],
    BINBYTES8: [0x8e, (p) => p.#push(p.#raw(p.#uint64()))],
    MARK: [0x28, (p) => p.#mark()],
    EMPTY_TUPLE: [0x29, (p) => p.#push([])],
    TUPLE1: [0x85, (p) => p.#push(p.#popMany(1))],
    TUPLE2: [0x86, (p) => p.#push(p.#popMany(2))],
    TUPLE3: [0x87, (p) => p.#push(p.#popMany(3))],
    TUPLE: [0x74, (p) => p.#push(p.#popMark())],
    EMPTY_LIST: [0x5d, (p) => p.#push([])],
    APPEND: [0x61, (p) => p.#append(p.#popMany(1))],
    APPENDS: [0x65, (p) => p.#append(p.#popMark())],
    EMPTY_DICT: [0x7d, (p) => p.#push(new Map())],
    SETITEM: [0x73, (p) => p.#setItems(p.#popMany(2))],
    SETITEMS: [0x75, (p) => p.#setItems(p.#popMark())],
    BINPUT: [0x71, (p) => p.#remember(p.#byte())],
    LONG_BINPUT: [0x72, (p) => p.#remember(p.#uint32())],
    MEMOIZE: [0x94, (p) => p.#remember(p.#memo.size)],
    BINGET: [0x68, (p) => p.#recall(p.#byte())],
    LONG_BINGET: [0x6a, (p) => p.#recall(p.#uint32())],
    GLOBAL: [0x63, (p) => p.#pushGlobal(`${p.#line()}.${p.#line()}`)],
    STACK_GLOBAL: [0x93, (p) => p.#pushGlobal(p.#popMany(2).map(textOnly).join('.'))],
    INST: [0x69, (p) => p.#refuseName(`${p.#line()}.${p.#line()}`)], // an older way to call what it names
    REDUCE: [0x52, (p) => p.#call()],
    NEWOBJ: [0x81, (p) => p.#call()],
    BUILD: [0x62, (p) => p.#build()],
    BINPERSID: [0x51, (p) => p.#push(p.#rules.persistent(p.#pop()))],
  };
  static readonly #byCode = new Map(Object.values(Unpickler.#instructions));

  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #rules: PickleRules;
  #at: number;
  #stack: PickleValue[] = [];
  /** The stacks below the marks that are set. */
  readonly #below: PickleValue[][] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, rules: PickleRules, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#rules = rules;
    this.#at = start;
  }

  run(): { value: PickleValue; end: number } {
    for (let count = 0; count < MOST_INSTRUCTIONS; count++) {
      const at = this.#at;
      const code = this.#byte();
      if (code === 0x2e) return { value: this.#pop(), end: this.#at };
      const instruction = Unpickler.#byCode.get(code);
      if (instruction) instruction(this);
      else if (REFUSED[code])
        throw refusedPickle(`uses the instruction ${REFUSED[code]}, which PyTorch's weights do without`);
      else throw damagedPickle(`byte ${at} is 0x${code.toString(16)}, which is no instruction`);
    }
    throw refusedPickle(`has more than ${MOST_INSTRUCTIONS} instructions, far more than weights need`);
  }

  /** @returns where the bytes are that were asked for. */
  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.byteLength - at)
      throw damagedPickle(`${count} bytes are wanted at ${at} of ${this.#bytes.byteLength}`);
    this.#at += count;
    return at;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  #uint32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  #uint64(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  #raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.slice(at, at + count);
  }

  #text(count: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.#raw(count));
    } catch (error) {
      if (error instanceof CheckpointError) throw error;
      throw damagedPickle('a text is not UTF-8');
    }
  }

  /** Text of Python 2, which had one type for it and for bytes. */
  #oldText(count: number): string | Uint8Array {
    if (!this.#rules.bytesInText) return this.#text(count);
    const bytes = this.#raw(count);
    return isText(bytes) ? new TextDecoder().decode(bytes) : bytes;
  }

  /** A whole number of `count` bytes, the least significant first, in two's complement. */
  #integer(count: number): number | bigint {
    if (count > MOST_INTEGER_BYTES) throw refusedPickle(`holds a whole number of ${count} bytes`);
    const bytes = this.#raw(count);
    const value = bytes.reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);
    const signed = BigInt.asIntN(8 * count, value);
    return signed >= Number.MIN_SAFE_INTEGER && signed <= Number.MAX_SAFE_INTEGER ? Number(signed) : signed;
  }

  #line(): string {
    const end = this.#bytes.subarray(this.#at, this.#at + MOST_NAME_BYTES).indexOf(0x0a);
    if (end < 0) throw damagedPickle(`the name at byte ${this.#at} has no end`);
    const text = this.#text(end);
    this.#take(1);
    return text;
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
  }

  #pop(): PickleValue {
    const value = this.#stack.pop();
    if (value === undefined) throw damagedPickle('a value is missing');
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length < count) throw damagedPickle('a value is missing');
    return this.#stack.splice(-count);
  }

  #checkProtocol(): void {
    if (this.#byte() > 5) throw refusedPickle('is of a protocol newer than 5');
  }

  #mark(): void {
    this.#below.push(this.#stack);
    this.#stack = [];
  }

  /** The values above the topmost mark, which goes. */
  #popMark(): PickleValue[] {
    const values = this.#stack;
    const below = this.#below.pop();
    if (!below) throw damagedPickle('a mark is missing');
    this.#stack = below;
    return values;
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#pop();
    if (!Array.isArray(list)) throw damagedPickle('something is appended to what is no list');
    for (const value of values) list.push(value);
    this.#push(list);
  }

  #setItems(items: readonly PickleValue[]): void {
    const map = this.#pop();
    if (!(map instanceof Map) || items.length % 2 !== 0)
      throw damagedPickle('keys and values are set in what is no dictionary');
    for (let i = 0; i < items.length; i += 2) setItem(map, items[i]!, items[i + 1]!);
    this.#push(map);
  }

  #remember(index: number): void {
    const value = this.#pop();
    this.#memo.set(index, value);
    this.#push(value);
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw damagedPickle(`nothing was remembered as number ${index}`);
    this.#push(value);
  }

  #pushGlobal(dotted: string): void {
    this.#push(this.#rules.global(dotted) ?? this.#refuseName(dotted));
  }

  #refuseName(dotted: string): never {
    throw refusedPickle(`names ${quote(dotted)}, which weights do not need`);
  }

  #call(): void {
    const [callee, args] = this.#popMany(2);
    if (!(callee instanceof PickleGlobal)) throw refusedPickle('calls something that is no function');
    if (!callee.call) throw refusedPickle(`calls ${quote(callee.name)}, which weights only name`);
    if (!Array.isArray(args)) throw damagedPickle('the arguments of a call are no tuple');
    this.#push(callee.call(args));
  }

  /** Attributes of an OrderedDict, such as the versions in a state dict's `_metadata`, are of no use here. */
  #build(): void {
    const state = this.#pop();
    const target = this.#pop();
    const built = this.#rules.build?.(target, state);
    if (built === undefined && !(target instanceof Map && state instanceof Map))
      throw refusedPickle('sets attributes of something that is no dictionary');
    this.#push(built ?? target);
  }
}

const isText = (bytes: Uint8Array): boolean =>
  bytes.length < MOST_NAME_BYTES && bytes.every((byte) => byte < 0x80);

function textOnly(value: PickleValue): string {
  if (typeof value !== 'string') throw damagedPickle('a name is no text');
  return value;
}

/** Sets one item of a dictionary. @throws CheckpointError when the key is neither text nor a number. */
export function setItem(map: PickleMap, key: PickleValue, value: PickleValue): void {
  if (typeof key !== 'string' && typeof key !== 'number')
    throw refusedPickle('holds a dictionary whose keys are neither text nor numbers');
  map.set(key, value);
}
