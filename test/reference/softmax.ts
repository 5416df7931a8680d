/** softmax and logSoftmax along one dimension, with the largest value subtracted first so that exp cannot overflow. */
import { positiveDim, type Ref, zeros } from './array.ts';
import { input, type ReferenceOp } from './op.ts';

export interface SoftmaxArgs {
  dim: number;
}

/** Calls `visit` with the flat positions of each line of x along a dimension. */
function forEachLine(x: Ref, dim: number, visit: (positions: number[]) => void): void {
  const d = positiveDim(dim, x.shape.length);
  const length = x.shape[d]!;
  const inner = x.shape.slice(d + 1).reduce((a, b) => a * b, 1);
  for (let i = 0; i < x.data.length; i++) {
    if (Math.floor(i / inner) % length === 0) visit(Array.from({ length }, (_, k) => i + k * inner));
  }
}

export function logSumExp(values: readonly number[]): number {
  const largest = Math.max(...values);
  return largest + Math.log(values.reduce((sum, v) => sum + Math.exp(v - largest), 0));
}

/** log softmax: y = x − log Σ exp(x); gx = gy − softmax·Σ gy. */
export const logSoftmax: ReferenceOp<SoftmaxArgs> = {
  name: 'logSoftmax',
  forward(inputs, { dim }) {
    const x = input(inputs, 0);
    const y = zeros(x.shape);
    forEachLine(x, dim, (line) => {
      const total = logSumExp(line.map((i) => x.data[i]!));
      for (const i of line) y.data[i] = x.data[i]! - total;
    });
    return y;
  },
  backward(inputs, args, gy) {
    const y = logSoftmax.forward(inputs, args);
    const gx = zeros(y.shape);
    forEachLine(y, args.dim, (line) => {
      const sum = line.reduce((total, i) => total + gy.data[i]!, 0);
      for (const i of line) gx.data[i] = gy.data[i]! - Math.exp(y.data[i]!) * sum;
    });
    return [gx];
  },
  // With p = softmax(x) and G = Σ gy: s = <v, gy> − <v, p>·G.
  second(inputs, args, gy, v) {
    const p = softmax.forward(inputs, args).data;
    const along = v[0]!.data;
    const [inX, inGy] = [zeros(gy.shape), zeros(gy.shape)];
    forEachLine(gy, args.dim, (line) => {
      const mean = line.reduce((total, i) => total + along[i]! * p[i]!, 0);
      const sum = line.reduce((total, i) => total + gy.data[i]!, 0);
      for (const i of line) {
        inX.data[i] = -sum * p[i]! * (along[i]! - mean);
        inGy.data[i] = along[i]! - mean;
      }
    });
    return [inX, inGy];
  },
};

/** softmax: y = exp(x)/Σ exp(x); gx = y·(gy − Σ gy·y). */
export const softmax: ReferenceOp<SoftmaxArgs> = {
  name: 'softmax',
  forward(inputs, args) {
    const logs = logSoftmax.forward(inputs, args);
    return { shape: logs.shape, data: logs.data.map((v) => Math.exp(v)) };
  },
  backward(inputs, args, gy) {
    const y = softmax.forward(inputs, args);
    const gx = zeros(y.shape);
    forEachLine(y, args.dim, (line) => {
      const sum = line.reduce((total, i) => total + gy.data[i]! * y.data[i]!, 0);
      for (const i of line) gx.data[i] = y.data[i]! * (gy.data[i]! - sum);
    });
    return [gx];
  },
  // s = <a, p> − <v, p>·<gy, p> with a = v·gy; the derivative of <a, p> in x is p·(a − <a, p>).
  second(inputs, args, gy, v) {
    const p = softmax.forward(inputs, args).data;
    const along = v[0]!.data;
    const [inX, inGy] = [zeros(gy.shape), zeros(gy.shape)];
    forEachLine(gy, args.dim, (line) => {
      const mean = (value: (i: number) => number) => line.reduce((total, i) => total + value(i) * p[i]!, 0);
      const [ofV, ofG, ofBoth] = [
        mean((i) => along[i]!),
        mean((i) => gy.data[i]!),
        mean((i) => along[i]! * gy.data[i]!),
      ];
      for (const i of line) {
        const [a, g] = [along[i]!, gy.data[i]!];
        inX.data[i] = p[i]! * (a * g - ofBoth - (a - ofV) * ofG - (g - ofG) * ofV);
        inGy.data[i] = p[i]! * (a - ofV);
      }
    });
    return [inX, inGy];
  },
};
