/** Draws of operations that move elements. */
import { sizeOf } from '../../reference/array.ts';
import type { Draw } from '../draw.ts';
import type { Call, OpCases } from '../op-cases.ts';
import { real, whole } from '../values.ts';

const values = real(whole);

/** One input of a shape, and arguments that follow from it. */
function moved(
  minRank: number,
  args: (d: Draw, shape: number[]) => object,
  repeats: OpCases['terms'] | null = null,
): OpCases {
  return {
    // What is only moved arrives bit by bit; what is repeated has its gradients summed.
    elements: () => repeats === null,
    terms: repeats ?? (() => 1),
    draw(d) {
      const shape = d.shape(minRank, minRank === 4 ? 4 : 6);
      return { args: args(d, shape), inputs: [values(d, shape)] };
    },
  };
}

function joined(newDim: boolean): OpCases {
  return {
    elements: () => true,
    terms: () => 1,
    draw(d) {
      const shape = d.shape(newDim ? 0 : 1, newDim ? 5 : 6, 400);
      const dim = newDim ? d.int(-shape.length - 1, shape.length) : d.dim(shape.length);
      const inputs = Array.from({ length: d.int(1, 4) }, () =>
        values(d, newDim ? shape : shape.with(dim, d.size(9))),
      );
      return { args: { dim }, inputs };
    },
  };
}

function slice(d: Draw, shape: number[]) {
  const dim = d.dim(shape.length);
  const size = shape.at(dim)!;
  const start = d.int(0, size - 1);
  const length = d.int(1, size + 1);
  const args = { dim, start: d.chance(0.5) ? start - size : start, step: d.int(1, 3) };
  return d.chance(0.5) ? args : { ...args, end: start + length };
}

function reshape(d: Draw, shape: number[]) {
  const size = sizeOf(shape);
  const factor = d.pick([1, 2, 3, 4, 5, 7].filter((n) => size % n === 0));
  return { shape: d.pick([[-1], shape.toReversed(), [-1, factor], [factor, 1, -1], [1, ...shape]]) };
}

/** Elements of a result: what small inputs grow to is kept within it. */
const most = (d: Draw): number => (d.small ? 64 : 20_000);

function expand(d: Draw, shape: number[]) {
  let room = most(d) / sizeOf(shape);
  const repeats = (size: number): number => {
    const n = d.pick([1, 2, 3, 17]);
    if (size !== 1 || n > room) return size;
    room /= n;
    return n;
  };
  const stretched = shape.map(repeats);
  const lead = d.chance(0.4) ? [repeats(1)] : [];
  // -1 keeps a size.
  return {
    shape: [...lead, ...stretched.map((size, i) => (size === shape[i] && d.chance(0.2) ? -1 : size))],
  };
}

const expandRepeats = ({ inputs: [x], args }: Call): number =>
  (args as { shape: number[] }).shape.reduce((n, size) => n * Math.abs(size), 1) / sizeOf(x!.shape) + 1;

/** PyTorch's flat pads of some last dimensions, the last one's first. */
function pads(d: Draw, shape: number[], pad: (size: number) => number): number[] {
  let size = sizeOf(shape);
  const padded = shape.toReversed().slice(0, d.int(1, shape.length));
  return padded.flatMap((n) => {
    const pair = d.pair(() => pad(n));
    const grown = (size / n) * (n + pair[0] + pair[1]);
    if (grown > most(d)) return [0, 0];
    size = grown;
    return pair;
  });
}

export const structure = {
  reshape: moved(0, reshape),
  permute: moved(1, (d, shape) => ({ dims: d.shuffled([...shape.keys()]) })),
  transpose: moved(1, (d, { length }) => ({ dims: [d.dim(length), d.dim(length)] })),
  cat: joined(false),
  stack: joined(true),
  slice: moved(1, slice),
  expand: moved(0, expand, expandRepeats),
  pad: moved(1, (d, shape) => ({
    pad: pads(d, shape, () => d.pick([0, 0, 1, 2, 5])),
    value: d.pick([0, 0, 1.5, -3]),
  })),
  reflectionPad2d: moved(
    1,
    (d, shape) => ({ pad: pads(d, shape, (n) => d.int(0, n - 1)) }),
    ({ inputs: [x] }) => 3 ** x!.shape.length,
  ),
  indexSelect: moved(
    1,
    (d, shape) => {
      const dim = d.dim(shape.length);
      const length = d.size(33);
      return { dim, index: Array.from({ length }, () => d.int(0, shape.at(dim)! - 1)) };
    },
    ({ args }) => (args as { index: number[] }).index.length,
  ),
} satisfies Record<string, OpCases>;
