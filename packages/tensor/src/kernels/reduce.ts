// Reductions over any dimensions.
import { f32 } from '../device/device.ts';
import { ShapeError } from '../errors.ts';
import { collapseDims, normalizeDims, sizeOf, stridesOf } from '../shape.ts';
import { empty, type Tensor } from '../tensor.ts';
import { maxRank } from './binary.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

const kinds = { sum: 0, max: 1, min: 2 } as const;

export type ReduceKind = keyof typeof kinds;

/** Reduced elements per invocation before a reduction is split in two: also keeps float32 sums accurate. */
export const chunk = 512;

/** How a reduction of `length` elements is split: equal parts, the last may be shorter. */
export function partsOf(length: number): { parts: number; part: number } {
  const parts = Math.ceil(length / chunk);
  return { parts, part: Math.ceil(length / parts) };
}

interface Side {
  shape: number[];
  strides: number[][];
}

/**
 * Reduces `dims` of x and multiplies the result by `scale` (1 / count makes a mean).
 * The result keeps reduced dimensions as 1 when `keepdim`. Long reductions are split and finished in fixed order.
 */
export function reduce(
  kind: ReduceKind,
  x: Tensor,
  dims: readonly number[],
  keepdim: boolean,
  scale = 1,
): Tensor {
  const list = normalizeDims(dims, x.rank, kind);
  const strides = stridesOf(x.shape);
  const side = (inside: boolean): Side => {
    const chosen = x.shape.map((_, i) => i).filter((i) => list.includes(i) === inside);
    return collapseDims(
      chosen.map((i) => x.shape[i]!),
      [chosen.map((i) => strides[i]!)],
    );
  };
  const kept = side(false);
  const reduced = side(true);
  const shape = x.shape.flatMap((n, i) => (list.includes(i) ? (keepdim ? [1] : []) : [n]));
  const length = sizeOf(reduced.shape);
  const splits = partsOf(length).parts;
  if (splits === 1) return launch(kind, x, kept, reduced, shape, length, 1, scale);
  const partial = launch(kind, x, kept, reduced, [sizeOf(shape), splits], length, splits, 1);
  const result = reduce(kind, partial, [1], false, scale);
  partial.dispose();
  const reshaped = result.view(shape);
  result.dispose();
  return reshaped;
}

function launch(
  kind: ReduceKind,
  x: Tensor,
  kept: Side,
  reduced: Side,
  shape: number[],
  length: number,
  splits: number,
  scale: number,
): Tensor {
  if (kept.shape.length > maxRank || reduced.shape.length > maxRank) {
    throw new ShapeError(
      `${kind}: more than ${maxRank} separate dimensions are not supported; reshape first.`,
    );
  }
  const y = empty(shape, { device: x.device });
  const params: (number | { f32: number })[] = [y.size, length, splits, f32(scale)];
  for (const part of [kept, reduced]) {
    for (let d = 0; d < maxRank; d++) params.push(part.shape[d] ?? 1, part.strides[0]![d] ?? 0, 0, 0);
  }
  // One invocation an output at most, and of short sums it takes several.
  const [workgroups] = flatGrid(x.device, y.size * length);
  const grid = [Math.min(workgroups, Math.ceil(y.size / flatWorkgroup)), 1, 1] as const;
  x.device.dispatch(
    {
      name: `reduce_${kind}`,
      files: ['elementwise/is_nan.wgsl', 'reduce/reduce.wgsl'],
      constants: {
        WORKGROUP: flatWorkgroup,
        KIND: kinds[kind],
        KEPT_RANK: kept.shape.length,
        REDUCED_RANK: reduced.shape.length,
      },
      bindings: ['read', 'write'],
    },
    params,
    [x.range, y.range],
    grid,
  );
  return y;
}
