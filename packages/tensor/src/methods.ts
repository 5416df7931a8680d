// Chaining: `x.add(y).relu().sum()` for what functions do as `sum(relu(add(x, y)))`. This table is the only place that
// names the methods; importing it adds them to Tensor.
import { type BackwardOptions, backward } from './autograd/tape.ts';
import { add, div, mul, sub } from './ops/binary.ts';
import { matmul } from './ops/matmul.ts';
import { max, mean, min, sum } from './ops/reduce.ts';
import { permute, reshape, slice, transpose } from './ops/structure.ts';
import { abs, clamp, exp, log, neg, pow, relu, sigmoid, sqrt, square, tanh } from './ops/unary.ts';
import { Tensor } from './tensor.ts';

const operations = {
  add,
  sub,
  mul,
  div,
  relu,
  tanh,
  sigmoid,
  exp,
  log,
  sqrt,
  abs,
  neg,
  square,
  pow,
  clamp,
  sum,
  mean,
  max,
  min,
  reshape,
  permute,
  transpose,
  slice,
  matmul,
};

/** The operations with their first argument, the tensor itself, left out. */
type Methods = {
  [Name in keyof typeof operations]: (typeof operations)[Name] extends (
    x: never,
    ...rest: infer Rest
  ) => Tensor
    ? (...rest: Rest) => Tensor
    : never;
};

declare module './tensor.ts' {
  interface Tensor extends Methods {
    /** Adds this tensor's gradient to `.grad` of every leaf it was computed from; see `backward`. */
    backward(gradOutput?: Tensor, options?: BackwardOptions): void;
  }
}

for (const [name, operation] of Object.entries({ ...operations, backward })) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return (operation as (...all: unknown[]) => unknown)(this, ...rest);
    },
    writable: true,
    configurable: true,
  });
}
