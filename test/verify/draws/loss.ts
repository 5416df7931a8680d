/** Draws of losses: every reduction, targets as tensors and as one number. */
import { sizeOf } from '../../reference/array.ts';
import type { Draw } from '../draw.ts';
import type { Call, OpCases } from '../op-cases.ts';
import { type Domain, lattice, probability, real } from '../values.ts';
import { cancelsInSoftmax } from './reduce.ts';

const reductions = ['mean', 'sum', 'none'] as const;

/** Sums of a reduced loss are over all elements. */
const compared = {
  elements: ({ args }: Call) => (args as { reduction: string }).reduction === 'none',
  terms: ({ inputs: [x] }: Call) => sizeOf(x!.shape),
};

function loss(x: Domain, target: Domain): OpCases {
  return {
    ...compared,
    draw(d) {
      const shape = d.flatShape();
      const args = { reduction: d.pick(reductions) };
      if (d.chance(0.7)) return { args, inputs: [x(d, shape), target(d, shape)] };
      // A number for all targets must be finite.
      const goal = d.kind === 'special' ? 0.75 : target(d, [1]).data[0]!;
      return { args: { ...args, goal }, inputs: [x(d, shape)] };
    },
  };
}

/** Sums of squares of these stay within float32. */
const half = real({ exponents: [-45, 45], mixed: true });
const logits = real({ exponents: [-119, 60], mixed: true });

/** Class numbers of each row. */
const labelsOf = (d: Draw, n: number, c: number): number[] =>
  Array.from({ length: n }, () => d.int(0, c - 1));

export const losses = {
  bce: loss(probability, probability),
  bceWithLogits: loss(logits, probability),
  mse: loss(half, half),
  l1: loss(lattice(0), lattice(1)),
  crossEntropy: {
    cancels: cancelsInSoftmax,
    elements: () => false,
    terms: ({ inputs: [x] }) => sizeOf(x!.shape),
    draw(d) {
      const [n, c] = [d.size(), d.size()];
      const labels = labelsOf(d, n, c);
      const as = d.pick(['list', 'int32', 'uint32']);
      return {
        args: { reduction: d.pick(reductions), labels, as },
        inputs: [real({ exponents: [-40, 20] })(d, [n, c])],
      };
    },
  },
  softplusGan: {
    ...compared,
    draw: (d) => ({ args: { reduction: d.pick(reductions) }, inputs: [logits(d, d.flatShape())] }),
  },
} satisfies Record<string, OpCases>;
