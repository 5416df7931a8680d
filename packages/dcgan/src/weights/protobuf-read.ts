// Reading protobuf messages, as far as ONNX needs it. https://protobuf.dev/programming-guides/encoding/

import { CheckpointError } from '@forger/tensor';

/** A field of a message: a whole number, or bytes (fixed-width numbers come as their bytes). */
export type FieldValue = bigint | Uint8Array;

const damaged = (): CheckpointError =>
  new CheckpointError('it is damaged or cut short: copy or download it again');

/** The fields of a message by number, in their order. @throws CheckpointError when they are cut short. */
export class Message {
  readonly #fields = new Map<number, FieldValue[]>();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) throw damaged();
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return BigInt.asUintN(64, value);
      }
      throw damaged();
    };
    const take = (count: number): Uint8Array => {
      if (count > bytes.length - at) throw damaged();
      at += count;
      return bytes.subarray(at - count, at);
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      const kind = tag & 7;
      let value: FieldValue;
      if (kind === 0) value = varint();
      else if (kind === 1) value = take(8);
      else if (kind === 2) value = take(Number(varint()));
      else if (kind === 5) value = take(4);
      else throw damaged();
      const field = tag >>> 3;
      const values = this.#fields.get(field) ?? [];
      this.#fields.set(field, values);
      values.push(value);
    }
  }

  /** The messages in a field. */
  messages(field: number): Message[] {
    return this.bytes(field).map((bytes) => new Message(bytes));
  }

  bytes(field: number): Uint8Array[] {
    return (this.#fields.get(field) ?? []).filter((value) => value instanceof Uint8Array);
  }

  texts(field: number): string[] {
    return this.bytes(field).map((bytes) => new TextDecoder().decode(bytes));
  }

  text(field: number): string {
    return this.texts(field)[0] ?? '';
  }

  /** Whole numbers, one a field or packed into one; signed. */
  integers(field: number): number[] {
    return (this.#fields.get(field) ?? []).flatMap((value) =>
      typeof value === 'bigint' ? [Number(BigInt.asIntN(64, value))] : packed(value),
    );
  }

  integer(field: number, otherwise = 0): number {
    return this.integers(field)[0] ?? otherwise;
  }

  /** float32 numbers, one a field or packed into one. */
  floats(field: number): number[] {
    return this.bytes(field).flatMap((bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Array.from({ length: bytes.byteLength >> 2 }, (_, i) => view.getFloat32(4 * i, true));
    });
  }
}

function packed(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if (byte >= 0x80) continue;
    numbers.push(Number(BigInt.asIntN(64, value)));
    [value, shift] = [0n, 0n];
  }
  return numbers;
}
