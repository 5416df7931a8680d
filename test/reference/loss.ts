/** Losses with PyTorch's reductions. Inputs: [x, target], or [x] where the target is in the arguments or fixed. */
import { map, type Ref, sizeOf, zeros } from './array.ts';
import { input, type ReferenceOp } from './op.ts';
import { logSumExp } from './softmax.ts';
import { sigmoidOf, softplusOf } from './unary.ts';

export interface LossArgs {
  reduction: 'mean' | 'sum' | 'none';
}

function reduce(losses: Ref, { reduction }: LossArgs): Ref {
  if (reduction === 'none') return losses;
  const sum = losses.data.reduce((a, b) => a + b, 0);
  return { shape: [], data: Float64Array.of(reduction === 'mean' ? sum / losses.data.length : sum) };
}

/** The gradient that reaches each of `shape`'s losses before reduction. */
function spread(gy: Ref, shape: readonly number[], { reduction }: LossArgs): Ref {
  if (reduction === 'none') return gy;
  const share = gy.data[0]! / (reduction === 'mean' ? sizeOf(shape) : 1);
  return map(zeros(shape), () => share);
}

type Scalar = (x: number, target: number) => number;

/** A loss of matching elements of x and target, with both derivatives. */
function pairLoss(name: string, f: Scalar, dx: Scalar, dTarget: Scalar): ReferenceOp<LossArgs> {
  return {
    name,
    forward(inputs, args) {
      const target = input(inputs, 1);
      return reduce(
        map(input(inputs, 0), (x, i) => f(x, target.data[i]!)),
        args,
      );
    },
    backward(inputs, args, gy) {
      const [x, target] = [input(inputs, 0), input(inputs, 1)];
      const g = spread(gy, x.shape, args);
      return [dx, dTarget].map((slope) => map(g, (v, i) => v * slope(x.data[i]!, target.data[i]!)));
    },
  };
}

/** PyTorch keeps the logarithms of bce at or above −100, so that a sure mistake costs 100 and not infinity. */
const logOf = (x: number) => Math.max(Math.log(x), -100);
const logOfComplement = (x: number) => Math.max(Math.log1p(-x), -100);

/**
 * −(t·log x + (1 − t)·log(1 − x)) on probabilities. The gradient is PyTorch's (x − t)/max(x(1 − x), 1e-12), which
 * ignores the clamp of the logarithms.
 */
export const bce = pairLoss(
  'bce',
  (x, t) => -(t * logOf(x) + (1 - t) * logOfComplement(x)),
  (x, t) => (x - t) / Math.max(x * (1 - x), 1e-12),
  (x) => logOfComplement(x) - logOf(x),
);

/** bce of sigmoid(x): softplus(x) − t·x, its terms and its slope's in an order that neither overflows nor loses digits. */
export const bceWithLogits = pairLoss(
  'bceWithLogits',
  (x, t) => (x > 0 ? (1 - t) * x : -t * x) + softplusOf(-Math.abs(x)),
  (x, t) => (x > 0 ? 1 - t - sigmoidOf(-x) : sigmoidOf(x) - t),
  (x) => -x,
);

export const mse = pairLoss(
  'mse',
  (x, t) => (x - t) ** 2,
  (x, t) => 2 * (x - t),
  (x, t) => -2 * (x - t),
);

/** |x − t|, whose derivative where x = t is 0. */
export const l1 = pairLoss(
  'l1',
  (x, t) => Math.abs(x - t),
  (x, t) => Math.sign(x - t),
  (x, t) => -Math.sign(x - t),
);

/** softplus(−x): the generator's loss on the logits of its pictures, −log sigmoid(x) (Goodfellow et al. 2014). */
export const softplusGan: ReferenceOp<LossArgs> = {
  name: 'softplusGan',
  forward: (inputs, args) =>
    reduce(
      map(input(inputs, 0), (x) => softplusOf(-x)),
      args,
    ),
  backward(inputs, args, gy) {
    const x = input(inputs, 0);
    return [map(spread(gy, x.shape, args), (g, i) => -g * sigmoidOf(-x.data[i]!))];
  },
};

export interface CrossEntropyArgs extends LossArgs {
  /** One class number per row. */
  labels: readonly number[];
}

/** Logits (N,C) → N losses log Σ exp(x) − x[label]; gx = softmax(x) − onehot(label). */
export const crossEntropy: ReferenceOp<CrossEntropyArgs> = {
  name: 'crossEntropy',
  forward(inputs, args) {
    const x = input(inputs, 0);
    const [n, c] = x.shape as [number, number];
    const row = (i: number) => [...x.data.subarray(i * c, (i + 1) * c)];
    return reduce(
      map(zeros([n]), (_, i) => logSumExp(row(i)) - row(i)[args.labels[i]!]!),
      args,
    );
  },
  backward(inputs, args, gy) {
    const x = input(inputs, 0);
    const [n, c] = x.shape as [number, number];
    const g = spread(gy, [n], args);
    return [
      map(x, (value, i) => {
        const row = Math.floor(i / c);
        const probability = Math.exp(value - logSumExp([...x.data.subarray(row * c, (row + 1) * c)]));
        return g.data[row]! * (probability - (args.labels[row] === i % c ? 1 : 0));
      }),
    ];
  },
};
