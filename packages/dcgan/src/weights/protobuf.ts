// Writing protobuf messages, as far as ONNX needs it: a message is a row of fields, each a number, a kind and a value.
// https://protobuf.dev/programming-guides/encoding/

/** An encoded field, or several. */
export type Field = Uint8Array;

const VARINT = 0;
const BYTES = 2;
const FIXED32 = 5;

/** A whole number below 2^64 in groups of seven bits, the least significant first. */
function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

function tag(field: number, kind: number): number[] {
  return varint(BigInt((field << 3) | kind));
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, part) => n + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

/** int64, int32 and enumerations. Negative ones take ten bytes. */
export function integer(field: number, value: number | bigint): Field {
  return Uint8Array.from([...tag(field, VARINT), ...varint(BigInt(value))]);
}

export function float(field: number, value: number): Field {
  return join([Uint8Array.from(tag(field, FIXED32)), new Uint8Array(Float32Array.of(value).buffer)]);
}

export function bytes(field: number, value: Uint8Array): Field {
  return join([Uint8Array.from([...tag(field, BYTES), ...varint(BigInt(value.byteLength))]), value]);
}

export function text(field: number, value: string): Field {
  return bytes(field, new TextEncoder().encode(value));
}

export function message(field: number, fields: readonly Field[]): Field {
  return bytes(field, join(fields));
}
