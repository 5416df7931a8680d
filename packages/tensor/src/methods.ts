// Chaining: `x.add(y).relu().sum()` for what functions do as `sum(relu(add(x, y)))`. The tables below are the
// only place that names the methods; importing this file adds them to Tensor.
//
// The rule: an operation is a method when it turns one tensor into another, alone, with numbers and options,
// or with the second operand of an elementwise function or a product. It has the function's name and
// arguments. No methods are: what makes tensors or takes a list of them, what writes in place, layers (they
// take weights), and losses (they take a target). test/methods.test.ts lists these by name, each with its
// reason.
import { type BackwardOptions, backward } from './autograd/tape.ts';
import * as binary from './ops/binary.ts';
import { expand } from './ops/broadcast.ts';
import { dropout } from './ops/dropout.ts';
import { indexSelect } from './ops/gather.ts';
import { matmul } from './ops/matmul.ts';
import { padReflect } from './ops/pad-reflect.ts';
import * as pool from './ops/pool.ts';
import * as reduce from './ops/reduce.ts';
import * as softmax from './ops/softmax.ts';
import { padConstant, permute, reshape, slice, transpose } from './ops/structure.ts';
import * as unary from './ops/unary.ts';
import { Tensor } from './tensor.ts';

/** They compute, so they take and give float32. All that a family's file exports is a method. */
const computing = { ...unary, ...binary, ...reduce, ...softmax, ...pool, matmul, dropout, padConstant };

/** They move elements of any dtype. */
const moving = { reshape, permute, transpose, expand, slice, indexSelect, padReflect };

/** The arguments behind the first, which is the tensor itself. */
type Rest<Operation> = Operation extends (x: never, ...rest: infer Rest) => unknown ? Rest : never;

type Computing = {
  [Name in keyof typeof computing]: (this: Tensor, ...rest: Rest<(typeof computing)[Name]>) => Tensor;
};

type Moving<Result> = {
  [Name in keyof typeof moving]: (...rest: Rest<(typeof moving)[Name]>) => Result;
};

declare module './tensor.ts' {
  interface Tensor<D extends DType = 'float32'> extends Computing, Moving<Tensor<D>> {
    /** Adds this tensor's gradient to `.grad` of every leaf it was computed from; see `backward`. */
    backward(gradOutput?: Tensor, options?: BackwardOptions): void;
  }
}

for (const [name, operation] of Object.entries({ ...computing, ...moving, backward })) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor, ...rest: unknown[]) {
      return (operation as (...all: unknown[]) => unknown)(this, ...rest);
    },
    writable: true,
    configurable: true,
  });
}
