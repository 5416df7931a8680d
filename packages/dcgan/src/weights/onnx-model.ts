// ONNX models as bytes. Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.

import { bytes, type Field, float, integer, join, message, text } from './protobuf.ts';

/** BatchNormalization, Reshape and the others used here have kept their meaning since opset 15; IR 8 goes with 17. */
const OPSET = 17;
const IR_VERSION = 8;

/** TensorProto.DataType. */
export const FLOAT = 1;
export const UINT8 = 2;
const INT64 = 7;

/** AttributeProto.AttributeType. */
const ATTRIBUTE = { float: 1, integer: 2, text: 3, integers: 7 } as const;

/** Whole numbers in lists are integers; single numbers are floats unless they are given as bigint. */
export type Attributes = Readonly<Record<string, number | bigint | string | readonly number[]>>;

export interface Port {
  readonly name: string;
  readonly type: typeof FLOAT | typeof UINT8;
  /** Text names a dimension that is open. */
  readonly shape: readonly (number | string)[];
}

/** A graph under construction: nodes are added in the order in which data pass. */
export class GraphBuilder {
  readonly #nodes: Field[] = [];
  readonly #initializers = new Map<string, Field>();
  readonly #names = new Set<string>();

  /** A name that nothing has yet. */
  fresh(name: string): string {
    let candidate = name;
    for (let n = 2; this.#names.has(candidate); n++) candidate = `${name}_${n}`;
    this.#names.add(candidate);
    return candidate;
  }

  /**
   * Adds an operation. @param name of the node; its output is called the same.
   * @returns the output's name.
   */
  node(type: string, name: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.#add(type, this.fresh(name), inputs, attributes);
  }

  /** Hands a value on under the name of the graph's output. */
  output(name: string, value: string): void {
    this.#names.add(name);
    this.#add('Identity', name, [value], {});
  }

  #add(type: string, output: string, inputs: readonly string[], attributes: Attributes): string {
    this.#nodes.push(
      message(1, [
        ...inputs.map((input) => text(1, input)),
        text(2, output),
        text(3, output),
        text(4, type),
        ...Object.entries(attributes).map(([key, value]) => message(5, attribute(key, value))),
      ]),
    );
    return output;
  }

  /** Adds a constant tensor, once for each name. @returns its name. */
  constant(name: string, shape: readonly number[], values: Float32Array | BigInt64Array): string {
    this.#names.add(name);
    if (!this.#initializers.has(name)) {
      const type = values instanceof Float32Array ? FLOAT : INT64;
      const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      this.#initializers.set(
        name,
        message(5, [...shape.map((n) => integer(1, n)), integer(2, type), text(8, name), bytes(9, raw)]),
      );
    }
    return name;
  }

  scalar(name: string, value: number): string {
    return this.constant(name, [], Float32Array.of(value));
  }

  /** The bytes of a `.onnx` file. */
  model(name: string, input: Port, output: Port, metadata: Readonly<Record<string, string>>): Uint8Array {
    const graph = [
      ...this.#nodes,
      text(2, name),
      ...this.#initializers.values(),
      message(11, port(input)),
      message(12, port(output)),
    ];
    return join([
      integer(1, IR_VERSION),
      text(2, 'forger'),
      message(7, graph),
      message(8, [text(1, ''), integer(2, OPSET)]),
      ...Object.entries(metadata).map(([key, value]) => message(14, [text(1, key), text(2, value)])),
    ]);
  }
}

function attribute(name: string, value: Attributes[string]): Field[] {
  if (typeof value === 'number') return [text(1, name), float(2, value), integer(20, ATTRIBUTE.float)];
  if (typeof value === 'bigint') return [text(1, name), integer(3, value), integer(20, ATTRIBUTE.integer)];
  if (typeof value === 'string') return [text(1, name), text(4, value), integer(20, ATTRIBUTE.text)];
  return [text(1, name), ...value.map((n) => integer(8, n)), integer(20, ATTRIBUTE.integers)];
}

function port({ name, type, shape }: Port): Field[] {
  const dimensions = shape.map((n) => message(1, [typeof n === 'string' ? text(2, n) : integer(1, n)]));
  return [text(1, name), message(2, [message(1, [integer(1, type), message(2, dimensions)])])];
}
