// Elementwise functions of two float32 tensors with NumPy broadcasting. Either operand may be a number, not
// both. All throw ShapeError on shapes that do not broadcast and on other dtypes.
import { record } from '../autograd/tape.ts';
import { ShapeError } from '../errors.ts';
import { type BinaryKind, binary } from '../kernels/binary.ts';
import { fill } from '../kernels/fill.ts';
import { empty, Tensor } from '../tensor.ts';
import { sumTo } from './broadcast.ts';
import { neg } from './unary.ts';

/** A float32 tensor, or a number for all elements. */
export type Operand = Tensor | number;

/** A number becomes a tensor of shape [] on the device of the other operand. */
function operands(a: Operand, b: Operand, name: string): [Tensor, Tensor] {
  const device = a instanceof Tensor ? a.device : b instanceof Tensor ? b.device : null;
  if (!device)
    throw new ShapeError(`${name}: two numbers were given; at least one operand must be a tensor.`);
  const lift = (v: Operand): Tensor => (v instanceof Tensor ? v : fill(empty([], { device }), v));
  return [lift(a), lift(b)];
}

type Gradient = (gy: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor;

function apply(kind: BinaryKind, a: Operand, b: Operand, gradA: Gradient, gradB: Gradient): Tensor {
  const [ta, tb] = operands(a, b, kind);
  const y = binary(kind, ta, tb);
  return record(kind, y, [ta, tb], (gy, needs) => [
    needs[0] ? sumTo(gradA(gy, ta, tb, y), ta.shape) : null,
    needs[1] ? sumTo(gradB(gy, ta, tb, y), tb.shape) : null,
  ]);
}

/** a + b. */
export function add(a: Operand, b: Operand): Tensor {
  return apply(
    'add',
    a,
    b,
    (gy) => gy,
    (gy) => gy,
  );
}

/** a - b. */
export function sub(a: Operand, b: Operand): Tensor {
  return apply(
    'sub',
    a,
    b,
    (gy) => gy,
    (gy) => neg(gy),
  );
}

/** a · b, elementwise. */
export function mul(a: Operand, b: Operand): Tensor {
  return apply(
    'mul',
    a,
    b,
    (gy, _, tb) => mul(gy, tb),
    (gy, ta) => mul(gy, ta),
  );
}

/** a / b. Division by 0 gives infinity or NaN. */
export function div(a: Operand, b: Operand): Tensor {
  return apply(
    'div',
    a,
    b,
    (gy, _, tb) => div(gy, tb),
    (gy, _, tb, y) => neg(div(mul(gy, y), tb)),
  );
}

/** The factor of a's gradient: 1 where `wins`, 1/2 where a = b, as in PyTorch. */
function share(wins: Tensor, a: Tensor, b: Tensor): Tensor {
  return add(wins, mul(binary('equalMask', a, b), 0.5));
}

/** The larger of two values; NaN where either is NaN. At ties each operand gets half of the gradient. */
export function maximum(a: Operand, b: Operand): Tensor {
  return apply(
    'maximum',
    a,
    b,
    (gy, ta, tb) => mul(gy, share(binary('greaterMask', ta, tb), ta, tb)),
    (gy, ta, tb) => mul(gy, share(binary('greaterMask', tb, ta), ta, tb)),
  );
}

/** The smaller of two values; NaN where either is NaN. At ties each operand gets half of the gradient. */
export function minimum(a: Operand, b: Operand): Tensor {
  return apply(
    'minimum',
    a,
    b,
    (gy, ta, tb) => mul(gy, share(binary('greaterMask', tb, ta), ta, tb)),
    (gy, ta, tb) => mul(gy, share(binary('greaterMask', ta, tb), ta, tb)),
  );
}
