/** torch.matmul with its batching, broadcasting and 1-D rules, and torch.nn.functional.linear. */
import { broadcastShapes, broadcastSource, type Ref, sizeOf, zeros } from './array.ts';
import {
  bilinear,
  bilinearGradients,
  bilinearSecond,
  input,
  type NoArgs,
  type ReferenceOp,
  type Taps,
} from './op.ts';

export interface MatmulSizes {
  m: number;
  k: number;
  n: number;
  /** Which matrix of x and which of y each matrix of the result is the product of. */
  batches: [x: number, y: number][];
  /** The shape of the result. */
  shape: number[];
}

/**
 * x (…,M,K) · y (…,K,N) → (…,M,N), the leading dimensions broadcast. A 1-D x is a row (1,K) and a 1-D y a column
 * (K,1), whose added dimension is left out of the result.
 */
export function matmulSizes(xGiven: readonly number[], yGiven: readonly number[]): MatmulSizes {
  const x = xGiven.length === 1 ? [1, ...xGiven] : xGiven;
  const y = yGiven.length === 1 ? [...yGiven, 1] : yGiven;
  const [m, k] = x.slice(-2) as [number, number];
  const [kOfY, n] = y.slice(-2) as [number, number];
  if (k !== kOfY) throw new Error(`matmul of [${xGiven}] and [${yGiven}]: the inner sizes differ.`);
  const batch = broadcastShapes(x.slice(0, -2), y.slice(0, -2));
  const batches = Array.from({ length: sizeOf(batch) }, (_, b): [number, number] => [
    broadcastSource(b, batch, x.slice(0, -2)),
    broadcastSource(b, batch, y.slice(0, -2)),
  ]);
  const shape = [...batch, ...(xGiven.length === 1 ? [] : [m]), ...(yGiven.length === 1 ? [] : [n])];
  return { m, k, n, batches, shape };
}

function matmulGeometry(x: Ref, y: Ref): { shape: number[]; taps: Taps } {
  const { m, k, n, batches, shape } = matmulSizes(x.shape, y.shape);
  const taps: Taps = (visit) => {
    batches.forEach(([bx, by], b) => {
      for (let i = 0; i < m; i++)
        for (let l = 0; l < k; l++)
          for (let j = 0; j < n; j++) visit((bx * m + i) * k + l, (by * k + l) * n + j, (b * m + i) * n + j);
    });
  };
  return { shape, taps };
}

/** Inputs: [x, y]. */
export const matmul: ReferenceOp<NoArgs> = {
  name: 'matmul',
  forward(inputs) {
    const { shape, taps } = matmulGeometry(input(inputs, 0), input(inputs, 1));
    return bilinear(input(inputs, 0), input(inputs, 1), shape, taps);
  },
  backward(inputs, _args, gy) {
    const { taps } = matmulGeometry(input(inputs, 0), input(inputs, 1));
    return bilinearGradients(input(inputs, 0), input(inputs, 1), gy, taps);
  },
  second(...call) {
    return bilinearSecond(this, ...call);
  },
};

/** x (…,I), weight (O,I) → (…,O): y = x·weightᵀ. */
function linearGeometry(x: Ref, weight: Ref): { shape: number[]; taps: Taps } {
  const [outFeatures, inFeatures] = weight.shape as [number, number];
  if (x.shape.at(-1) !== inFeatures) throw new Error(`linear: [${x.shape}] does not end in ${inFeatures}.`);
  const rows = x.data.length / inFeatures;
  const taps: Taps = (visit) => {
    for (let row = 0; row < rows; row++)
      for (let o = 0; o < outFeatures; o++)
        for (let i = 0; i < inFeatures; i++)
          visit(row * inFeatures + i, o * inFeatures + i, row * outFeatures + o);
  };
  return { shape: [...x.shape.slice(0, -1), outFeatures], taps };
}

/** Inputs: [x, weight, bias?]. */
export const linear: ReferenceOp<NoArgs> = {
  name: 'linear',
  forward(inputs) {
    const { shape, taps } = linearGeometry(input(inputs, 0), input(inputs, 1));
    const y = bilinear(input(inputs, 0), input(inputs, 1), shape, taps);
    const bias = inputs[2];
    if (bias !== undefined) {
      for (let i = 0; i < y.data.length; i++) y.data[i]! += bias.data[i % bias.data.length]!;
    }
    return y;
  },
  backward(inputs, _args, gy) {
    const { taps } = linearGeometry(input(inputs, 0), input(inputs, 1));
    const gradients = bilinearGradients(input(inputs, 0), input(inputs, 1), gy, taps);
    const bias = inputs[2];
    if (bias === undefined) return gradients;
    const gBias = zeros(bias.shape);
    gy.data.forEach((g, i) => {
      gBias.data[i % gBias.data.length]! += g;
    });
    return [...gradients, gBias];
  },
  second(...call) {
    return bilinearSecond(this, ...call);
  },
};
