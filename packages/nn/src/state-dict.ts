// State dicts: the named tensors of modules and optimizers. They are read back for a file, and loaded
// completely or not at all.
import {
  CheckpointError,
  type DType,
  empty,
  readAll,
  type SafetensorsEntry,
  showShape,
  Tensor,
  type TypedData,
} from '@forger/tensor';

/** Tensors by name, as of `stateDict()` of modules and optimizers. */
export type StateDict = ReadonlyMap<string, Tensor<DType>>;

/**
 * Values to load, by name: tensors on the device, or entries of a file (`readSafetensors(bytes).tensors`).
 */
export type StateEntries = ReadonlyMap<string, Tensor<DType> | SafetensorsEntry>;

export interface LoadOptions {
  /** Reject missing and unexpected names. Default true. */
  readonly strict?: boolean;
}

export interface LoadReport {
  /** Names of the module or optimizer that the entries lack. */
  readonly missing: readonly string[];
  /** Names of the entries that the module or optimizer lacks. */
  readonly unexpected: readonly string[];
}

/**
 * Reads a state dict back with a single wait, for `writeSafetensors`. Counters (int32 on the device) become
 * 64-bit integers, as PyTorch stores `num_batches_tracked`.
 */
export async function readStateDict(state: StateDict): Promise<Map<string, SafetensorsEntry>> {
  const data = await readAll([...state.values()]);
  return new Map(
    [...state].map(([name, { shape }], i) => {
      const values = data[i]!;
      return [
        name,
        { shape, data: values instanceof Int32Array ? BigInt64Array.from(values, BigInt) : values },
      ];
    }),
  );
}

/**
 * Copies `entries` over `targets`.
 * @param owner the description of the module or optimizer, for the error message.
 * @throws CheckpointError, which lists everything that does not fit, before the first copy.
 */
export function loadStateDict(
  owner: string,
  targets: StateDict,
  entries: StateEntries,
  { strict = true }: LoadOptions = {},
): LoadReport {
  const missing = [...targets.keys()].filter((name) => !entries.has(name));
  const unexpected = [...entries.keys()].filter((name) => !targets.has(name));
  const copies: (() => void)[] = [];
  const unfit: string[] = [];
  for (const [name, target] of targets) {
    const source = entries.get(name);
    if (!source) continue;
    const copy = source instanceof Tensor ? fromTensor(target, source) : fromHost(target, source);
    if (copy) copies.push(copy);
    else unfit.push(`${name}: ${describe(source)} was given, ${describe(target)} is expected`);
  }
  if (unfit.length > 0 || (strict && missing.length + unexpected.length > 0)) {
    throw new CheckpointError(
      `The state does not fit ${owner}: it comes from another kind of model, or from other sizes of it.` +
        list('Missing', missing) +
        list('Unexpected', unexpected) +
        list('Of another shape', unfit),
    );
  }
  for (const copy of copies) copy();
  return { missing, unexpected };
}

/** Most names of each kind in an error message. */
const shown = 10;

function list(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const rest = lines.length > shown ? [`and ${lines.length - shown} more`] : [];
  return [`\n${title}:`, ...lines.slice(0, shown), ...rest].join('\n  ');
}

function describe(entry: Tensor<DType> | SafetensorsEntry): string {
  if (entry instanceof Tensor) return `${entry.dtype} ${showShape(entry.shape)}`;
  return `${entry.data[Symbol.toStringTag]} ${showShape(entry.shape)}`;
}

function fromHost(target: Tensor<DType>, { shape, data }: SafetensorsEntry): (() => void) | null {
  if (showShape(shape) !== showShape(target.shape)) return null;
  const values = convert(target, data);
  return values && (() => target.write(values));
}

/**
 * Values in the target's dtype: floats for floats, and integers of any width that fit for integers; otherwise
 * null.
 */
function convert(target: Tensor<DType>, data: SafetensorsEntry['data']): TypedData | null {
  if (target.dtype === 'float32') {
    if (data instanceof Float32Array) return data;
    return data instanceof Float64Array ? Float32Array.from(data) : null;
  }
  if (data instanceof Float32Array || data instanceof Float64Array) return null;
  const values = Array.from<number | bigint, number>(data, Number);
  const whole = target.dtype === 'int32' ? Int32Array.from(values) : Uint32Array.from(values);
  return whole.every((n, i) => n === values[i]) ? whole : null;
}

/** A copy on the device. WebGPU does not copy within a buffer, so such a copy goes through another one. */
function fromTensor(target: Tensor<DType>, source: Tensor<DType>): (() => void) | null {
  const { device, bytes, dtype, shape } = target;
  if (source.dtype !== dtype || source.device !== device || showShape(source.shape) !== showShape(shape))
    return null;
  if (source.storage !== target.storage) return () => device.copy(source.range, target.range, bytes);
  if (source.offset === target.offset) return () => undefined;
  return () =>
    device.scope(() => {
      const between = empty(shape, { device, dtype });
      device.copy(source.range, between.range, bytes);
      device.copy(between.range, target.range, bytes);
    });
}
