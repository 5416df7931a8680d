// State dicts: named tensors of modules and optimizers, read back for a file, and copied in from one, all or nothing.
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

/** Tensors by name, as modules and optimizers give them. */
export type StateDict = ReadonlyMap<string, Tensor<DType>>;

/** What may be loaded: tensors on the device, or what `readSafetensors(bytes).tensors` holds. */
export type StateEntries = ReadonlyMap<string, Tensor<DType> | SafetensorsEntry>;

export interface LoadOptions {
  /** Refuse names that are missing or unexpected. Default true. */
  readonly strict?: boolean;
}

export interface LoadReport {
  /** Names that were wanted and not given. */
  readonly missing: readonly string[];
  /** Names that were given and not wanted. */
  readonly unexpected: readonly string[];
}

/**
 * Reads state dicts back with a single wait, ready for `writeSafetensors`. Counters (int32 on the device) become
 * 64-bit, as PyTorch stores `num_batches_tracked`.
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
 * Copies `entries` over `targets`. Throws CheckpointError, listing everything that does not fit, before the first copy.
 * @param owner what is being loaded, for the message.
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

/** Names that a message prints before it only counts the rest. */
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

/** Floats for floats, and whole numbers of any width that fit for whole numbers. */
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

/** Copies on the device. A copy within one buffer goes through another, as WebGPU asks. */
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
