/** sum, mean, var, max and min over any dimensions, as torch.sum, mean, var, amax and amin. */
import { positiveDim, type Ref, unravel, zeros } from './array.ts';
import { input, type ReferenceOp } from './op.ts';

export interface ReduceArgs {
  /** Negative dimensions count from the back; all dimensions when absent or empty. */
  dims?: readonly number[];
  keepdim?: boolean;
}

export interface VarArgs extends ReduceArgs {
  /** Σ(x − mean)² is divided by (count − correction). 0, the biased variance, by default; PyTorch's default is 1. */
  correction?: number;
}

interface Plan {
  shape: number[];
  /** For each output position, the positions of x that are reduced into it. */
  groups: number[][];
}

function plan(x: Ref, args: ReduceArgs): Plan {
  const rank = x.shape.length;
  const every = args.dims === undefined || args.dims.length === 0;
  const dims = new Set(every ? x.shape.keys() : args.dims?.map((d) => positiveDim(d, rank)));
  const kept = x.shape.map((size, d) => (dims.has(d) ? 1 : size));
  const groups = Array.from(zeros(kept).data, (): number[] => []);
  for (let i = 0; i < x.data.length; i++) {
    const index = unravel(i, x.shape);
    const target = kept.reduce((flat, size, d) => flat * size + (dims.has(d) ? 0 : index[d]!), 0);
    groups[target]!.push(i);
  }
  return { shape: args.keepdim ? kept : x.shape.filter((_, d) => !dims.has(d)), groups };
}

/** `value` reduces the values of one group; `derivative` gives its derivatives with respect to each of them. */
function reduction<A extends ReduceArgs>(
  name: string,
  value: (values: number[], args: A) => number,
  derivative: (values: number[], args: A) => number[],
  /** What the second derivatives make of a direction; nothing where they are 0. */
  curve?: (direction: number[], args: A) => number[],
): ReferenceOp<A> {
  return {
    name,
    forward(inputs, args) {
      const x = input(inputs, 0);
      const { shape, groups } = plan(x, args);
      const values = groups.map((group) =>
        value(
          group.map((i) => x.data[i]!),
          args,
        ),
      );
      return { shape, data: Float64Array.from(values) };
    },
    backward(inputs, args, gy) {
      const x = input(inputs, 0);
      const gx = zeros(x.shape);
      plan(x, args).groups.forEach((group, o) => {
        const partials = derivative(
          group.map((i) => x.data[i]!),
          args,
        );
        group.forEach((i, k) => {
          gx.data[i] = gy.data[o]! * partials[k]!;
        });
      });
      return [gx];
    },
    second(inputs, args, gy, v) {
      const x = input(inputs, 0);
      const [inX, inGy] = [zeros(x.shape), zeros(gy.shape)];
      plan(x, args).groups.forEach((group, o) => {
        const direction = group.map((i) => v[0]!.data[i]!);
        const partials = derivative(
          group.map((i) => x.data[i]!),
          args,
        );
        inGy.data[o] = total(partials.map((partial, k) => partial * direction[k]!));
        const curved = curve?.(direction, args);
        group.forEach((i, k) => {
          inX.data[i] = curved ? gy.data[o]! * curved[k]! : 0;
        });
      });
      return [inX, inGy];
    },
  };
}

const total = (values: number[]) => values.reduce((a, b) => a + b, 0);
const average = (values: number[]) => total(values) / values.length;

/**
 * The gradient of an extremum goes in equal shares to every element that attains it, as torch.amax and amin. None
 * attains NaN: then all are 0 / 0.
 */
function equalShares(values: number[], extremum: number): number[] {
  const ties = values.filter((v) => v === extremum).length;
  return values.map((v) => (v === extremum ? 1 : 0) / ties);
}

const largest = (values: number[]) => values.reduce((a, b) => Math.max(a, b));
const smallest = (values: number[]) => values.reduce((a, b) => Math.min(a, b));

export const sum = reduction<ReduceArgs>('sum', total, (values) => values.map(() => 1));
export const mean = reduction<ReduceArgs>('mean', average, (values) => values.map(() => 1 / values.length));
export const variance = reduction<VarArgs>(
  'var',
  (values, { correction = 0 }) => {
    const centre = average(values);
    return total(values.map((v) => (v - centre) ** 2)) / (values.length - correction);
  },
  (values, { correction = 0 }) => {
    const centre = average(values);
    return values.map((v) => (2 * (v - centre)) / (values.length - correction));
  },
  (direction, { correction = 0 }) => {
    const centre = average(direction);
    return direction.map((v) => (2 * (v - centre)) / (direction.length - correction));
  },
);
export const max = reduction<ReduceArgs>('max', largest, (values) => equalShares(values, largest(values)));
export const min = reduction<ReduceArgs>('min', smallest, (values) => equalShares(values, smallest(values)));
