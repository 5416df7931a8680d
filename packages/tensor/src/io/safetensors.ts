// The safetensors format: an 8-byte little-endian header length, a JSON header {name: {dtype, shape,
// data_offsets}} with optional strings under `__metadata__`, then the tensors' bytes, packed without gaps.
// https://github.com/huggingface/safetensors#format. Every length and offset is checked, so that a damaged or
// hostile file leads to an error and nothing else. Typed arrays are little-endian on every platform with
// WebGPU.
import { CheckpointError } from '../errors.ts';
import { float32FromBfloat16, float32FromFloat16 } from './half.ts';
import { duplicateKey } from './json-keys.ts';

/** The values of a tensor that was read. */
export type SafetensorsData =
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

interface DTypeRule {
  readonly bytes: number;
  /** Creates the data from a buffer of exactly the tensor's bytes. */
  readonly read: (buffer: ArrayBuffer) => SafetensorsData;
  /** True when `read` turns other floats into float32. */
  readonly converts?: boolean;
}

/** The supported dtypes, in the order in which the `safetensors` package writes tensors. */
const rules = {
  U64: { bytes: 8, read: (b) => new BigUint64Array(b) },
  I64: { bytes: 8, read: (b) => new BigInt64Array(b) },
  F64: { bytes: 8, read: (b) => Float32Array.from(new Float64Array(b)), converts: true },
  F32: { bytes: 4, read: (b) => new Float32Array(b) },
  U32: { bytes: 4, read: (b) => new Uint32Array(b) },
  I32: { bytes: 4, read: (b) => new Int32Array(b) },
  BF16: { bytes: 2, read: (b) => float32FromBfloat16(new Uint16Array(b)), converts: true },
  F16: { bytes: 2, read: (b) => float32FromFloat16(new Uint16Array(b)), converts: true },
  U16: { bytes: 2, read: (b) => new Uint16Array(b) },
  I16: { bytes: 2, read: (b) => new Int16Array(b) },
  I8: { bytes: 1, read: (b) => new Int8Array(b) },
  U8: { bytes: 1, read: (b) => new Uint8Array(b) },
  BOOL: { bytes: 1, read: (b) => new Uint8Array(b) },
} as const satisfies Record<string, DTypeRule>;

export type SafetensorsDType = keyof typeof rules;

const dtypeOrder = Object.keys(rules) as SafetensorsDType[];

/** One tensor of a file. */
export interface SafetensorsTensor {
  /** The dtype in the file. */
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** F16, BF16 and F64 come as Float32Array, BOOL as 0 and 1 in a Uint8Array. */
  readonly data: SafetensorsData;
  /** Whether `data` is float32 converted from F16 or BF16 (exactly) or F64 (rounded). */
  readonly converted: boolean;
}

export interface SafetensorsFile {
  /** In the order of their bytes in the file. */
  readonly tensors: Map<string, SafetensorsTensor>;
  readonly metadata: Record<string, string>;
}

/** Data to write; the array's type decides the dtype. */
export interface SafetensorsEntry {
  readonly shape: readonly number[];
  readonly data: SafetensorsData | Float64Array;
}

/** The header's limit in the reference implementation. */
const maxHeaderBytes = 100_000_000;
const metadataKey = '__metadata__';

/** A name for a message, shortened: names in hostile files may be of any length. */
function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

function damaged(what: string): CheckpointError {
  return new CheckpointError(
    `A safetensors file was expected, but ${what}: the file is truncated, damaged or of another format; copy or download it again.`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The header as an object without repeated keys, and the start of the data. */
function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.byteLength < 8)
    throw damaged(`it has ${bytes.byteLength} bytes where 8 hold the header's length`);
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > maxHeaderBytes)
    throw damaged(`its header would have ${length} bytes where at most ${maxHeaderBytes} are allowed`);
  const start = 8 + Number(length);
  if (start > bytes.byteLength)
    throw damaged(`its header would end at byte ${start} where the file has ${bytes.byteLength} bytes`);
  if (bytes[8] !== 0x7b) throw damaged('its header does not start with "{" as a JSON object does');
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, start));
    header = JSON.parse(text);
  } catch {
    throw damaged('its header is not JSON in UTF-8');
  }
  if (!isRecord(header)) throw damaged('its header is not a JSON object');
  const repeated = duplicateKey(text);
  if (repeated !== undefined) throw damaged(`its header names ${quote(repeated)} twice`);
  return { header, start };
}

function readMetadata(value: unknown): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw damaged(`its ${metadataKey} is not a JSON object`);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw damaged(`its metadata ${quote(key)} is not a string`);
    if (key === '__proto__') throw damaged('its metadata has the forbidden name "__proto__"');
  }
  return value as Record<string, string>;
}

interface Placed {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Checks one entry of the header. */
function readEntry(name: string, entry: unknown): Placed {
  const what = `tensor ${quote(name)}`;
  if (name === '__proto__') throw damaged('a tensor has the forbidden name "__proto__"');
  if (!isRecord(entry)) throw damaged(`${what} is not described by a JSON object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string') throw damaged(`${what} has no dtype`);
  if (!Object.hasOwn(rules, dtype)) {
    throw new CheckpointError(
      `The safetensors ${what} has dtype ${quote(dtype)}; expected one of ${dtypeOrder.join(', ')}: convert it to one of these.`,
    );
  }
  if (!Array.isArray(shape) || !shape.every(isCount))
    throw damaged(`${what} has a shape that is not a list of whole numbers >= 0`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    throw damaged(`${what} has data_offsets that are not two whole numbers >= 0`);
  const [begin, end] = offsets as [number, number];
  const known = dtype as SafetensorsDType;
  let size = rules[known].bytes;
  for (const n of shape as number[]) {
    size *= n;
    if (!Number.isSafeInteger(size)) throw damaged(`${what} has a shape whose product is too large`);
  }
  if (end - begin !== size)
    throw damaged(
      `${what} has ${end - begin} bytes where ${dtype} of its shape [${shape.slice(0, 16).join(', ')}] needs ${size}`,
    );
  return { name, dtype: known, shape: shape as number[], begin, end };
}

/**
 * Reads a safetensors file. The data are copies, so `bytes` may be reused.
 * @throws CheckpointError when the file is damaged, of another format, or has a dtype that SafetensorsDType
 * lacks.
 */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, start } = readHeader(bytes);
  const metadata = readMetadata(Object.hasOwn(header, metadataKey) ? header[metadataKey] : undefined);
  const placed = Object.entries(header)
    .filter(([name]) => name !== metadataKey)
    .map(([name, entry]) => readEntry(name, entry))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of placed) {
    if (begin !== at)
      throw damaged(
        `the data of tensor ${quote(name)} start at ${begin} where the tensor before ends at ${at}`,
      );
    at = end;
  }
  if (start + at !== bytes.byteLength)
    throw damaged(`its tensors end at byte ${start + at} where the file has ${bytes.byteLength} bytes`);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, dtype, shape, begin, end } of placed) {
    const rule: DTypeRule = rules[dtype];
    // A Uint8Array over new memory, whatever kind of view or shared memory `bytes` is.
    const own = new Uint8Array(end - begin);
    own.set(bytes.subarray(start + begin, start + end));
    tensors.set(name, { dtype, shape, data: rule.read(own.buffer), converted: rule.converts ?? false });
  }
  return { tensors, metadata };
}

const dtypeOfArray: Readonly<Record<string, SafetensorsDType>> = {
  BigUint64Array: 'U64',
  BigInt64Array: 'I64',
  Float64Array: 'F64',
  Float32Array: 'F32',
  Uint32Array: 'U32',
  Int32Array: 'I32',
  Uint16Array: 'U16',
  Int16Array: 'I16',
  Int8Array: 'I8',
  Uint8Array: 'U8',
};

function unwritable(what: string): CheckpointError {
  return new CheckpointError(`A safetensors file cannot be written: ${what}.`);
}

function checkText(text: unknown, what: string): void {
  if (typeof text !== 'string') throw unwritable(`${what} is ${String(text)}; expected a string`);
  if (/\p{Surrogate}/u.test(text))
    throw unwritable(`${what} ${quote(text)} holds half a surrogate pair, which UTF-8 cannot; mend the text`);
}

function checkName(name: string, what: string): void {
  checkText(name, what);
  if (name === '__proto__' || name === metadataKey)
    throw unwritable(`${what} is the reserved word "${name}"; use another`);
}

/** Compares strings by code point, as Rust does; JavaScript compares UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return (a.codePointAt(i) ?? -1) - (b.codePointAt(i) ?? -1);
}

function checkEntry(name: string, { shape, data }: SafetensorsEntry): SafetensorsDType {
  checkName(name, 'a tensor name');
  const dtype = dtypeOfArray[data[Symbol.toStringTag]];
  if (!dtype)
    throw unwritable(
      `tensor ${quote(name)} holds a ${data[Symbol.toStringTag]}; use one of ${Object.keys(dtypeOfArray).join(', ')}`,
    );
  if (!shape.every(isCount) || shape.reduce((n, d) => n * d, 1) !== data.length)
    throw unwritable(
      `tensor ${quote(name)} has shape [${shape.join(', ')}] and ${data.length} values; their count must be the shape's product`,
    );
  return dtype;
}

/**
 * The bytes of a safetensors file in the layout of the `safetensors` package: tensors by decreasing element
 * size, then by name, and the header padded with spaces to 8 bytes.
 * @throws CheckpointError on repeated or reserved names, and on shapes that do not fit their data.
 */
export function writeSafetensors(
  entries: Iterable<readonly [name: string, entry: SafetensorsEntry]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const list = [...entries].map(([name, entry]) => ({ name, ...entry, dtype: checkEntry(name, entry) }));
  list.sort(
    (a, b) => dtypeOrder.indexOf(a.dtype) - dtypeOrder.indexOf(b.dtype) || compareCodePoints(a.name, b.name),
  );
  const names = new Set<string>();
  for (const { name } of list) {
    if (names.has(name)) throw unwritable(`two tensors are called ${quote(name)}; names must differ`);
    names.add(name);
  }
  // Joined by hand: JSON.stringify writes keys that look like numbers first.
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) {
    for (const [key, value] of Object.entries(metadata)) {
      checkName(key, 'a metadata key');
      checkText(value, `metadata ${quote(key)}`);
    }
    fields.push(`"${metadataKey}":${JSON.stringify(metadata)}`);
  }
  let at = 0;
  for (const { name, dtype, shape, data } of list) {
    const end = at + data.byteLength;
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`);
    at = end;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(json.byteLength / 8) * 8;
  if (headerBytes > maxHeaderBytes)
    throw unwritable(
      `its header would have ${headerBytes} bytes; at most ${maxHeaderBytes} are allowed: shorten names or metadata`,
    );
  const bytes = new Uint8Array(8 + headerBytes + at).fill(0x20, 8, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, 8);
  at = 8 + headerBytes;
  for (const { data } of list) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}
