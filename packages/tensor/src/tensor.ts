// The tensor: a shape and a dtype over a storage on a device, and its place in the autograd graph.
import type { Storage } from './device/buffers.ts';
import type { BufferRange, Device } from './device/device.ts';
import { DeviceError, ShapeError } from './errors.ts';
import { checkOptions } from './options.ts';
import { checkShape, type Shape, showShape, sizeOf } from './shape.ts';

export type DType = 'float32' | 'int32' | 'uint32';

interface ArrayOf extends Record<DType, ArrayLike<number>> {
  float32: Float32Array;
  int32: Int32Array;
  uint32: Uint32Array;
}

/** What `data()` of a tensor of dtype D gives: a Float32Array, an Int32Array or a Uint32Array. */
export type TypedData<D extends DType = DType> = ArrayOf[D];

/** Nested numbers, as in `tensor([[1, 2], [3, 4]])`. */
export type NestedNumbers = number | readonly NestedNumbers[];

let defaultDevice: Device | null = null;

/**
 * The default device: the one of the last `createDevice` or `setDefaultDevice`.
 * @throws DeviceError if there is none.
 */
export function getDefaultDevice(): Device {
  if (!defaultDevice) throw new DeviceError('No device exists yet: call `await createDevice()` first.');
  return defaultDevice;
}

/** Sets the device on which tensors are created when none is given; null for none. */
export function setDefaultDevice(device: Device | null): void {
  defaultDevice = device;
}

/**
 * Runs `fn` on the default device's scope: tensors made inside are freed at its end unless `fn` returns them
 * (alone, in an array or in a plain object) or keep() was called on them. See `Device.scope`.
 * @throws TypeError when `fn` is async: read results after the scope. DeviceError when there is no default
 * device.
 */
export function scope<T>(fn: () => T): T {
  return getDefaultDevice().scope(fn);
}

/** Frees the storage of tensors that are garbage-collected without having been disposed of. */
const dropped = new FinalizationRegistry<Storage>((storage) => storage.release());

/**
 * Computes the gradients of an operation's inputs from the gradient of its output.
 * @param needs for each input whether its gradient is needed; the others may be null.
 */
export type BackwardFunction = (gy: Tensor, needs: readonly boolean[]) => readonly (Tensor | null)[];

export interface GradFunction {
  readonly name: string;
  readonly inputs: readonly Tensor<DType>[];
  readonly backward: BackwardFunction;
  /** Sequence number: larger than those of all operations that it depends on. */
  readonly order: number;
}

/**
 * An array of numbers on a device, with its place in the autograd graph. Values are contiguous and row-major.
 * @typeParam D the dtype. `Tensor` alone is a float32 tensor, `Tensor<DType>` one of any dtype.
 */
export class Tensor<D extends DType = 'float32'> {
  readonly device: Device;
  #storage: Storage;
  #offset: number;
  readonly shape: Shape;
  readonly size: number;
  readonly dtype: D;
  /**
   * Whether gradients flow to this tensor: true for parameters and for recorded results computed from them.
   */
  requiresGrad = false;
  /** The gradient accumulated by `backward()`; only leaves have one. */
  grad: Tensor | null = null;
  /**
   * A view of an optimizer's flat buffer into which `backward()` writes the gradient, instead of a new
   * tensor.
   */
  gradSlot: Tensor | null = null;
  /** The operation that computed this tensor; null for leaves. */
  gradFunction: GradFunction | null = null;
  #disposed = false;
  /** The first values as they were last read, for toString(). */
  #seen: readonly number[] | null = null;

  /** Takes over one reference to `storage`. Use `empty`, `tensor` and the operations instead. */
  constructor(device: Device, storage: Storage, offset: number, shape: Shape, dtype: D) {
    this.device = device;
    this.#storage = storage;
    this.#offset = offset;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.dtype = dtype;
    device.scopes.track(this);
    dropped.register(this, storage, this);
  }

  get storage(): Storage {
    return this.#storage;
  }

  /** Byte offset into the storage, a multiple of `device.alignment`. */
  get offset(): number {
    return this.#offset;
  }

  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length;
  }

  /** Size in bytes: 4 for each element. */
  get bytes(): number {
    return this.size * 4;
  }

  /** Whether the tensor was freed. Using it then throws DeviceError. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /** Whether the dtype is float32; then the type checker knows it too. */
  isFloatingPoint(): this is Tensor {
    return this.dtype === 'float32';
  }

  /** The buffer range that a kernel binds. @throws DeviceError when the tensor was freed. */
  get range(): BufferRange {
    if (this.#disposed) {
      throw new DeviceError(
        `A tensor of shape ${showShape(this.shape)} was used after it was freed: its scope had ended or dispose() was called; return it from the scope or keep() it.`,
      );
    }
    return { buffer: this.storage.buffer, offset: this.offset, bytes: this.bytes };
  }

  /**
   * A tensor of another shape on the same storage, outside the graph (unlike `reshape`). Shape and offset are
   * not checked.
   * @param offset in bytes from the start of this tensor, a multiple of `device.alignment`.
   */
  view(shape: Shape, offset = 0): Tensor<D> {
    if (this.#disposed) void this.range;
    return new Tensor(this.device, this.storage.retain(), this.offset + offset, shape, this.dtype);
  }

  /** The same values, on the same storage, outside the graph. */
  detach(): Tensor<D> {
    return this.view(this.shape);
  }

  /**
   * Sets whether `backward()` computes this leaf's gradient.
   * @throws ShapeError on results of operations and integers.
   */
  requiresGrad_(on = true): this {
    if (this.gradFunction)
      throw new ShapeError('requiresGrad_() is for leaves; this tensor is the result of an operation.');
    if (this.dtype !== 'float32')
      throw new ShapeError(`Gradients exist for float32 tensors only; this one is ${this.dtype}.`);
    this.requiresGrad = on;
    return this;
  }

  /**
   * Moves this tensor and its values to another storage, such as an optimizer's flat buffer. Takes over one
   * reference to `storage`. Views created before still refer to the old storage.
   */
  rebind(storage: Storage, offset: number): void {
    this.device.copy(this.range, { buffer: storage.buffer, offset, bytes: this.bytes }, this.bytes);
    dropped.unregister(this);
    this.#storage.release();
    this.#storage = storage;
    this.#offset = offset;
    dropped.register(this, storage, this);
  }

  /** Removes this tensor from the scopes around it: it lives until dispose(). */
  keep(): this {
    this.device.scopes.keep(this);
    if (this.grad) this.device.scopes.keep(this.grad);
    return this;
  }

  /** Frees the tensor; its memory is reused when no view needs it any more. Calling it again does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.device.scopes.keep(this);
    this.gradFunction = null;
    dropped.unregister(this);
    this.storage.release();
  }

  /**
   * Reads the values back, row by row, as a new Float32Array, Int32Array or Uint32Array by dtype. This is
   * where a program waits for the device. Throws DeviceError when the tensor was freed, inside a capture or a
   * dry run, and when a command that the values depend on failed.
   */
  async data(): Promise<TypedData<D>> {
    const [bytes] = await this.device.read([this.range]);
    const values = typedArray(this.dtype, bytes!);
    this.#seen = Array.from(values.subarray(0, MOST_SHOWN));
    return values;
  }

  /** The value of a tensor of one element. @throws ShapeError when there are more. Otherwise as `data()`. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new ShapeError(
        `item() is for tensors of one element; this one has shape ${showShape(this.shape)}.`,
      );
    }
    return (await this.data())[0]!;
  }

  /**
   * Overwrites the values with host values, row by row. Autograd does not notice it.
   * @throws ShapeError unless `data.length` is `size`. DeviceError inside device.capture().
   */
  write(data: ArrayLike<number>): this {
    if (data.length !== this.size) {
      throw new ShapeError(
        `write(): ${data.length} values were given for shape ${showShape(this.shape)} of ${this.size}.`,
      );
    }
    this.device.upload(this.range, toTyped(this.dtype, data));
    this.#seen = null;
    return this;
  }

  /**
   * Copies another tensor's values into this one, on the device; not recorded for gradients. For state that a
   * captured step changes, such as a pool of earlier images.
   * @throws ShapeError when shape or dtype differ, or this is the result of an operation that is recorded.
   */
  copy_(source: Tensor<D>): this {
    if (this.gradFunction)
      throw new ShapeError('copy_() is for leaves; this tensor is the result of an operation.');
    if (showShape(source.shape) !== showShape(this.shape) || source.dtype !== this.dtype)
      throw new ShapeError(
        `copy_(): a tensor of ${source.dtype} with shape ${showShape(source.shape)} was given; expected ${this.dtype} with ${showShape(this.shape)}.`,
      );
    this.device.copy(source.range, this.range, this.bytes);
    this.#seen = null;
    return this;
  }

  /** dtype, shape, and the first values as `data()` last read them: printing does not wait for the device. */
  toString(): string {
    const parts = [this.dtype, showShape(this.shape)];
    if (this.requiresGrad) parts.push('requiresGrad');
    if (this.#disposed) parts.push('freed');
    else if (this.#seen) parts.push(`last read: ${listed(this.#seen, this.size)}`);
    return `Tensor(${parts.join(', ')})`;
  }

  /** What console.log prints in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** How many values a printed tensor shows. */
const MOST_SHOWN = 8;

function listed(values: readonly number[], size: number): string {
  const texts = values.map((x) => String(Number(x.toPrecision(6))));
  return `[${texts.join(', ')}${size > values.length ? ', …' : ''}]`;
}

const arrays = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array } as const;

function typedArray<D extends DType>(dtype: D, bytes: ArrayBuffer): TypedData<D> {
  return new arrays[dtype](bytes) as TypedData<D>;
}

function toTyped(dtype: DType, data: ArrayLike<number>): TypedData {
  return data instanceof arrays[dtype] ? data : arrays[dtype].from(data);
}

/** Throws ShapeError unless all given tensors are float32: kernels would misread the bits of other dtypes. */
export function checkFloat32(what: string, ...tensors: readonly (Tensor<DType> | null | undefined)[]): void {
  for (const t of tensors) {
    if (t && t.dtype !== 'float32')
      throw new ShapeError(`${what}: a tensor of ${t.dtype} was given; expected float32.`);
  }
}

/** What `data()` gives for each of the tensors T, in their order. */
export type DataOf<T extends readonly Tensor<DType>[]> = {
  -readonly [I in keyof T]: T[I] extends Tensor<infer D> ? TypedData<D> : never;
};

/** Reads several tensors of one device back with a single wait, each as `data()` does; throws as `data()`. */
export async function readAll<const T extends readonly Tensor<DType>[]>(tensors: T): Promise<DataOf<T>> {
  const buffers = (await tensors[0]?.device.read(tensors.map((t) => t.range))) ?? [];
  return buffers.map((bytes, i) => typedArray(tensors[i]!.dtype, bytes)) as DataOf<T>;
}

export interface CreateOptions<D extends DType = 'float32'> {
  /** Default: the device of the last `createDevice` or `setDefaultDevice`. */
  readonly device?: Device | undefined;
  /** Default 'float32', whatever the type of the values given. */
  readonly dtype?: D | undefined;
}

/**
 * A tensor with undefined values, for kernels that overwrite all of them.
 * @throws ShapeError on sizes below 1.
 */
export function empty<D extends DType = 'float32'>(shape: Shape, options: CreateOptions<D> = {}): Tensor<D> {
  checkShape(shape, 'empty');
  const device = options.device ?? getDefaultDevice();
  const storage = device.allocate(sizeOf(shape) * 4, shape);
  return new Tensor(device, storage, 0, [...shape], options.dtype ?? ('float32' as D));
}

/** Throws TypeError for what is no number: JavaScript would take true for 1 and "2" for 2 without a word. */
function checkNumbers(values: readonly unknown[]): void {
  const other = values.find((value) => typeof value !== 'number');
  if (other === undefined && !values.includes(undefined)) return;
  const shown = typeof other === 'string' ? JSON.stringify(other) : String(other);
  const hint = typeof other === 'boolean' ? '; write 1 for true and 0 for false' : '';
  throw new TypeError(
    `tensor(): ${shown} (${other === null ? 'null' : typeof other}) was given where a number is expected${hint}.`,
  );
}

function nestedShape(data: NestedNumbers): number[] {
  if (typeof data === 'number') return [];
  if (data.length === 0)
    throw new ShapeError('tensor(): an empty list was given; tensors have at least one element.');
  const inner = nestedShape(data[0]!);
  for (const row of data) {
    if (showShape(nestedShape(row)) !== showShape(inner))
      throw new ShapeError('tensor(): the nested lists have different lengths.');
  }
  return [data.length, ...inner];
}

/**
 * A tensor of host values.
 * @param data nested numbers, or a flat list or typed array in row-major order.
 * @param shape default: from the nesting; for a typed array [length].
 * @throws ShapeError on uneven nesting, an empty list, and a shape of another size. DeviceError without a
 * device.
 */
export function tensor<D extends DType = 'float32'>(
  data: NestedNumbers | TypedData | Float64Array,
  shape?: Shape,
  options: CreateOptions<D> = {},
): Tensor<D> {
  const flat: ArrayLike<number> = ArrayBuffer.isView(data)
    ? (data as Float32Array)
    : typeof data === 'number'
      ? [data]
      : ((Array.isArray(data) ? data.flat(Number.POSITIVE_INFINITY) : [data]) as number[]);
  if (!ArrayBuffer.isView(data)) checkNumbers(flat as readonly unknown[] as unknown[]);
  checkOptions('tensor', options, { device: true, dtype: true });
  const target = shape ?? (ArrayBuffer.isView(data) ? [flat.length] : nestedShape(data as NestedNumbers));
  if (sizeOf(target) !== flat.length) {
    throw new ShapeError(
      `tensor(): ${flat.length} values were given for shape ${showShape(target)} of ${sizeOf(target)}.`,
    );
  }
  return empty(target, options).write(flat);
}

/** A tensor of zeros. @throws ShapeError on sizes below 1. */
export function zeros<D extends DType = 'float32'>(shape: Shape, options: CreateOptions<D> = {}): Tensor<D> {
  const result = empty(shape, options);
  result.device.clear(result.range);
  return result;
}
