/**
 * Operations that move values without computing on them. Each is a rule that says which element of which input an
 * output element copies; the forward gathers by that rule and the backward adds back along it.
 */
import { broadcastSource, positiveDim, type Ref, ravel, sizeOf, unravel, zeros } from './array.ts';
import { input, type ReferenceOp } from './op.ts';

/** Where an output element comes from; null for a constant fill. */
type Source = { input: number; flat: number } | null;

interface Rule {
  shape: readonly number[];
  fill?: number;
  source(flat: number): Source;
}

function movement<A>(name: string, rule: (inputs: readonly Ref[], args: A) => Rule): ReferenceOp<A> {
  return {
    name,
    forward(inputs, args) {
      const { shape, fill = 0, source } = rule(inputs, args);
      const y = zeros(shape);
      for (let i = 0; i < y.data.length; i++) {
        const from = source(i);
        y.data[i] = from === null ? fill : inputs[from.input]!.data[from.flat]!;
      }
      return y;
    },
    backward(inputs, args, gy) {
      const { source } = rule(inputs, args);
      const gradients = inputs.map((x) => zeros(x.shape));
      gy.data.forEach((g, i) => {
        const from = source(i);
        if (from !== null) gradients[from.input]!.data[from.flat]! += g;
      });
      return gradients;
    },
    // Linear, but for the fill: s = <gy, the same moves of v>.
    second(inputs, args, gy, v) {
      const { source } = rule(inputs, args);
      const moved = (_: number, i: number): number => {
        const from = source(i);
        return from === null ? 0 : (v[from.input]?.data[from.flat] ?? 0);
      };
      return [...inputs.map((x) => zeros(x.shape)), { shape: gy.shape, data: gy.data.map(moved) }];
    },
  };
}

/** A rule of one input given by multi-indices: output index → input index, or null. */
function byIndex(
  x: Ref,
  shape: readonly number[],
  from: (index: number[]) => number[] | null,
): Pick<Rule, 'shape' | 'source'> {
  return {
    shape,
    source(flat) {
      const index = from(unravel(flat, shape));
      return index === null ? null : { input: 0, flat: ravel(index, x.shape) };
    },
  };
}

export interface ReshapeArgs {
  /** At most one size may be -1, to be worked out. */
  shape: readonly number[];
}

export const reshape = movement<ReshapeArgs>('reshape', (inputs, { shape }) => {
  const known = sizeOf(shape.filter((size) => size !== -1));
  const full = shape.map((size) => (size === -1 ? input(inputs, 0).data.length / known : size));
  if (sizeOf(full) !== input(inputs, 0).data.length)
    throw new Error(`[${shape}] does not hold the same elements.`);
  return { shape: full, source: (flat) => ({ input: 0, flat }) };
});

export interface PermuteArgs {
  dims: readonly number[];
}

/** Output dimension d is input dimension dims[d]. */
export const permute = movement<PermuteArgs>('permute', (inputs, args) => {
  const x = input(inputs, 0);
  const dims = args.dims.map((d) => positiveDim(d, x.shape.length));
  const shape = dims.map((d) => x.shape[d]!);
  return byIndex(x, shape, (index) => x.shape.map((_, d) => index[dims.indexOf(d)]!));
});

export interface TransposeArgs {
  /** The two dimensions that change places. */
  dims: readonly [number, number];
}

export const transpose = movement<TransposeArgs>('transpose', (inputs, args) => {
  const x = input(inputs, 0);
  const [a, b] = args.dims.map((d) => positiveDim(d, x.shape.length)) as [number, number];
  const swapped = <T>(list: readonly T[]): T[] => list.with(a, list[b]!).with(b, list[a]!);
  return byIndex(x, swapped(x.shape), swapped);
});

export interface CatArgs {
  dim: number;
}

export const cat = movement<CatArgs>('cat', (inputs, args) => {
  const first = input(inputs, 0);
  const dim = positiveDim(args.dim, first.shape.length);
  const shape = first.shape.map((size, d) =>
    d === dim ? inputs.reduce((n, x) => n + x.shape[d]!, 0) : size,
  );
  const source = (flat: number): Source => {
    const index = unravel(flat, shape);
    let which = 0;
    while (index[dim]! >= inputs[which]!.shape[dim]!) index[dim]! -= inputs[which++]!.shape[dim]!;
    return { input: which, flat: ravel(index, inputs[which]!.shape) };
  };
  return { shape, source };
});

/** Joins inputs of one shape along a new dimension. */
export const stack = movement<CatArgs>('stack', (inputs, args) => {
  const first = input(inputs, 0);
  const dim = positiveDim(args.dim, first.shape.length + 1);
  const shape = [...first.shape.slice(0, dim), inputs.length, ...first.shape.slice(dim)];
  const source = (flat: number): Source => {
    const index = unravel(flat, shape);
    const [which] = index.splice(dim, 1) as [number];
    return { input: which, flat: ravel(index, first.shape) };
  };
  return { shape, source };
});

export interface SliceArgs {
  dim: number;
  /** Python's x[start:end:step]: negative positions count from the back, positions are clamped, step is at least 1. */
  start?: number;
  end?: number;
  step?: number;
}

export const slice = movement<SliceArgs>('slice', (inputs, { dim, start, end, step = 1 }) => {
  const x = input(inputs, 0);
  const along = positiveDim(dim, x.shape.length);
  const size = x.shape[along]!;
  const position = (p: number) => Math.min(Math.max(p < 0 ? p + size : p, 0), size);
  const from = position(start ?? 0);
  const length = Math.max(0, Math.ceil((position(end ?? size) - from) / step));
  const shape = x.shape.map((s, d) => (d === along ? length : s));
  return byIndex(x, shape, (index) => index.map((i, d) => (d === along ? from + i * step : i)));
});

export interface ExpandArgs {
  /** Sizes of 1 in the input stretch; -1 keeps a size; new dimensions may stand in front. */
  shape: readonly number[];
}

export const expand = movement<ExpandArgs>('expand', (inputs, args) => {
  const x = input(inputs, 0);
  const shape = args.shape.map((size, d) =>
    size === -1 ? x.shape[d - args.shape.length + x.shape.length]! : size,
  );
  return { shape, source: (flat) => ({ input: 0, flat: broadcastSource(flat, shape, x.shape) }) };
});

export interface PadArgs {
  /** As torch.nn.functional.pad: [before, after] of the last dimension, then of the one before it, and so on. */
  pad: readonly number[];
  value?: number;
}

/** Padding [before, after] of each dimension, from the first. */
function paddingPerDim(x: Ref, pad: readonly number[]): [number, number][] {
  if (pad.length % 2 !== 0 || pad.length > 2 * x.shape.length)
    throw new Error(`pad [${pad}] on [${x.shape}].`);
  return x.shape.map((_, d) => {
    const k = 2 * (x.shape.length - 1 - d);
    return [pad[k] ?? 0, pad[k + 1] ?? 0];
  });
}

export const pad = movement<PadArgs>('pad', (inputs, args) => {
  const x = input(inputs, 0);
  const padding = paddingPerDim(x, args.pad);
  const shape = x.shape.map((size, d) => size + padding[d]![0] + padding[d]![1]);
  const rule = byIndex(x, shape, (index) => {
    const from = index.map((i, d) => i - padding[d]![0]);
    return from.every((i, d) => i >= 0 && i < x.shape[d]!) ? from : null;
  });
  return { ...rule, fill: args.value ?? 0 };
});

export interface ReflectionPadArgs {
  /** As torch.nn.functional.pad ([left, right, top, bottom] for images), each less than the size it pads. */
  pad: readonly number[];
}

/** Mirrors the last dimensions about their edge elements, which are not repeated. */
export const reflectionPad2d = movement<ReflectionPadArgs>('reflectionPad2d', (inputs, args) => {
  const x = input(inputs, 0);
  const padding = paddingPerDim(x, args.pad);
  x.shape.forEach((size, d) => {
    if (Math.max(...padding[d]!) >= size)
      throw new Error(`Reflection pad [${args.pad}] is too wide for [${x.shape}].`);
  });
  const shape = x.shape.map((size, d) => size + padding[d]![0] + padding[d]![1]);
  const mirror = (i: number, size: number) => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i);
  return byIndex(x, shape, (index) => index.map((i, d) => mirror(i - padding[d]![0], x.shape[d]!)));
});

export interface IndexSelectArgs {
  dim: number;
  index: readonly number[];
}

/** Rows (or slices along `dim`) picked by number; one may be picked several times. */
export const indexSelect = movement<IndexSelectArgs>('indexSelect', (inputs, args) => {
  const x = input(inputs, 0);
  const dim = positiveDim(args.dim, x.shape.length);
  const shape = x.shape.map((size, d) => (d === dim ? args.index.length : size));
  return byIndex(x, shape, (index) => index.map((i, d) => (d === dim ? args.index[i]! : i)));
});
