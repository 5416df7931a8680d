/** Elementwise functions of two inputs with NumPy's broadcasting. Inputs: [x, y]. */
import { broadcastShapes, broadcastSource, type Ref, zeros } from './array.ts';
import { input, type NoArgs, type ReferenceOp } from './op.ts';

type Scalar = (x: number, y: number) => number;

function binary(name: string, f: Scalar, dx: Scalar, dy: Scalar): ReferenceOp<NoArgs> {
  const forEachElement = (x: Ref, y: Ref, visit: (i: number, xi: number, yi: number) => void) => {
    const shape = broadcastShapes(x.shape, y.shape);
    const out = zeros(shape);
    for (let i = 0; i < out.data.length; i++) {
      visit(i, broadcastSource(i, shape, x.shape), broadcastSource(i, shape, y.shape));
    }
  };
  return {
    name,
    forward(inputs) {
      const [x, y] = [input(inputs, 0), input(inputs, 1)];
      const out = zeros(broadcastShapes(x.shape, y.shape));
      forEachElement(x, y, (i, xi, yi) => {
        out.data[i] = f(x.data[xi]!, y.data[yi]!);
      });
      return out;
    },
    backward(inputs, _args, gy) {
      const [x, y] = [input(inputs, 0), input(inputs, 1)];
      const [gradX, gradY] = [zeros(x.shape), zeros(y.shape)];
      forEachElement(x, y, (i, xi, yi) => {
        gradX.data[xi]! += gy.data[i]! * dx(x.data[xi]!, y.data[yi]!);
        gradY.data[yi]! += gy.data[i]! * dy(x.data[xi]!, y.data[yi]!);
      });
      return [gradX, gradY];
    },
  };
}

/** 1 where a > b, 0 where a < b; at a tie each side takes half, as PyTorch. */
const share: Scalar = (a, b) => (a === b ? 0.5 : a > b ? 1 : 0);

export const add = binary(
  'add',
  (x, y) => x + y,
  () => 1,
  () => 1,
);
export const sub = binary(
  'sub',
  (x, y) => x - y,
  () => 1,
  () => -1,
);
export const mul = binary(
  'mul',
  (x, y) => x * y,
  (_x, y) => y,
  (x) => x,
);
export const div = binary(
  'div',
  (x, y) => x / y,
  (_x, y) => 1 / y,
  (x, y) => -x / (y * y),
);
export const maximum = binary('maximum', Math.max, share, (x, y) => share(y, x));
export const minimum = binary('minimum', Math.min, (x, y) => share(y, x), share);
/** (x − y)². */
export const squaredDifference = binary(
  'squaredDifference',
  (x, y) => (x - y) ** 2,
  (x, y) => 2 * (x - y),
  (x, y) => -2 * (x - y),
);
