/** Losses with PyTorch's reductions. Inputs: [x, target], or [x] where the target is in the arguments or fixed. */
import { map, type Ref, sizeOf, zeros } from './array.ts';
import { input, type ReferenceOp } from './op.ts';
import { logSumExp, softmax } from './softmax.ts';
import { sigmoidOf, signOf, softplusOf } from './unary.ts';

export interface LossArgs {
  reduction: 'mean' | 'sum' | 'none';
  /** One number for all targets, in place of a second input. */
  goal?: number;
}

function reduce(losses: Ref, { reduction }: Pick<LossArgs, 'reduction'>): Ref {
  if (reduction === 'none') return losses;
  const sum = losses.data.reduce((a, b) => a + b, 0);
  return { shape: [], data: Float64Array.of(reduction === 'mean' ? sum / losses.data.length : sum) };
}

/** The gradient that reaches each of `shape`'s losses before reduction. */
function spread(gy: Ref, shape: readonly number[], { reduction }: Pick<LossArgs, 'reduction'>): Ref {
  if (reduction === 'none') return gy;
  const share = gy.data[0]! / (reduction === 'mean' ? sizeOf(shape) : 1);
  return map(zeros(shape), () => share);
}

type Scalar = (x: number, target: number) => number;

const targetOf = (inputs: readonly Ref[], { goal }: LossArgs): Ref =>
  goal === undefined ? input(inputs, 1) : map(input(inputs, 0), () => goal);

/** A loss of matching elements of x and target, with its derivatives. */
function pairLoss(
  name: string,
  f: Scalar,
  dx: Scalar,
  dTarget: Scalar,
  /** The second derivatives: in x twice, in x and the target, in the target twice. */
  [dxx, dxt, dtt]: readonly [Scalar, Scalar, Scalar],
): ReferenceOp<LossArgs> {
  return {
    name,
    forward(inputs, args) {
      const target = targetOf(inputs, args);
      return reduce(
        map(input(inputs, 0), (x, i) => f(x, target.data[i]!)),
        args,
      );
    },
    backward(inputs, args, gy) {
      const [x, target] = [input(inputs, 0), targetOf(inputs, args)];
      const g = spread(gy, x.shape, args);
      return [dx, dTarget]
        .slice(0, inputs.length)
        .map((derivative) => map(g, (v, i) => v * derivative(x.data[i]!, target.data[i]!)));
    },
    second(inputs, args, gy, v) {
      const [x, target] = [input(inputs, 0), targetOf(inputs, args)];
      const g = spread(gy, x.shape, args);
      const each = (f: (x: number, t: number, vx: number, vt: number) => number): Ref =>
        map(x, (value, i) => f(value, target.data[i]!, v[0]?.data[i] ?? 0, v[1]?.data[i] ?? 0));
      const times = (t: Ref): Ref => map(t, (value, i) => g.data[i]! * value);
      return [
        times(each((p, t, vx, vt) => dxx(p, t) * vx + dxt(p, t) * vt)),
        ...(inputs.length > 1 ? [times(each((p, t, vx, vt) => dxt(p, t) * vx + dtt(p, t) * vt))] : []),
        reduce(
          each((p, t, vx, vt) => dx(p, t) * vx + dTarget(p, t) * vt),
          args,
        ),
      ];
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
  [
    (x, t) => {
      const p = x * (1 - x);
      if (p < 1e-12) return 1 / 1e-12;
      return ((x - t) / p) ** 2 + (t * (1 - t)) / p ** 2;
    },
    (x) => -1 / Math.max(x * (1 - x), 1e-12),
    () => 0,
  ],
);

/**
 * bce of sigmoid(x): softplus(x) − t·x, its terms and its derivative's in an order that neither overflows nor
 * loses digits.
 */
export const bceWithLogits = pairLoss(
  'bceWithLogits',
  (x, t) => (x > 0 ? (1 - t) * x : -t * x) + softplusOf(-Math.abs(x)),
  (x, t) => (x > 0 ? 1 - t - sigmoidOf(-x) : sigmoidOf(x) - t),
  (x) => -x,
  [(x) => sigmoidOf(x) * sigmoidOf(-x), () => -1, () => 0],
);

export const mse = pairLoss(
  'mse',
  (x, t) => (x - t) ** 2,
  (x, t) => 2 * (x - t),
  (x, t) => -2 * (x - t),
  [() => 2, () => -2, () => 2],
);

/** |x − t|, whose derivative where x = t is 0. */
export const l1 = pairLoss(
  'l1',
  (x, t) => Math.abs(x - t),
  (x, t) => signOf(x - t),
  (x, t) => -signOf(x - t),
  [() => 0, () => 0, () => 0],
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
  second(inputs, args, gy, v) {
    const x = input(inputs, 0);
    const along = v[0]!;
    const curvature = (value: number) => sigmoidOf(value) * sigmoidOf(-value);
    return [
      map(spread(gy, x.shape, args), (g, i) => g * along.data[i]! * curvature(x.data[i]!)),
      reduce(
        map(x, (value, i) => -along.data[i]! * sigmoidOf(-value)),
        args,
      ),
    ];
  },
};

export interface CrossEntropyArgs extends Omit<LossArgs, 'goal'> {
  /** How the labels are given. Default: a list. */
  as?: 'list' | 'int32' | 'uint32';
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
  // With p = softmax(x): s = Σₙ gₙ Σ v·(p − onehot), and ∂p/∂x along v is p·(v − <v, p>).
  second(inputs, args, gy, v) {
    const x = input(inputs, 0);
    const [n, c] = x.shape as [number, number];
    const along = v[0]!.data;
    const p = softmax.forward([x], { dim: 1 }).data;
    const g = spread(gy, [n], args).data;
    const centre = map(zeros([n]), (_, row) =>
      p.subarray(row * c, (row + 1) * c).reduce((sum, q, k) => sum + q * along[row * c + k]!, 0),
    );
    return [
      map(x, (_, i) => {
        const row = Math.floor(i / c);
        return g[row]! * p[i]! * (along[i]! - centre.data[row]!);
      }),
      reduce(
        map(centre, (mean, row) => mean - along[row * c + args.labels[row]!]!),
        args,
      ),
    ];
  },
};
