/** Elementwise functions of two inputs with NumPy's broadcasting. Inputs: [x, y]. */
import { broadcastShapes, broadcastSource, type Ref, zeros } from './array.ts';
import { input, type NoArgs, type ReferenceOp } from './op.ts';

type Scalar = (x: number, y: number) => number;

/** The second partial derivatives in x twice, in x and y, in y twice. */
type Curvature = readonly [xx: Scalar, xy: Scalar, yy: Scalar];

const flat: Curvature = [() => 0, () => 0, () => 0];

function binary(
  name: string,
  f: Scalar,
  dx: Scalar,
  dy: Scalar,
  [dxx, dxy, dyy]: Curvature,
): ReferenceOp<NoArgs> {
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
    second(inputs, _args, gy, v) {
      const [x, y] = [input(inputs, 0), input(inputs, 1)];
      const [inX, inY, inGy] = [zeros(x.shape), zeros(y.shape), zeros(gy.shape)];
      forEachElement(x, y, (i, xi, yi) => {
        const [p, q, g] = [x.data[xi]!, y.data[yi]!, gy.data[i]!];
        const [vp, vq] = [v[0]?.data[xi] ?? 0, v[1]?.data[yi] ?? 0];
        inX.data[xi]! += g * (dxx(p, q) * vp + dxy(p, q) * vq);
        inY.data[yi]! += g * (dxy(p, q) * vp + dyy(p, q) * vq);
        inGy.data[i] = dx(p, q) * vp + dy(p, q) * vq;
      });
      return [inX, inY, inGy];
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
  flat,
);
export const sub = binary(
  'sub',
  (x, y) => x - y,
  () => 1,
  () => -1,
  flat,
);
export const mul = binary(
  'mul',
  (x, y) => x * y,
  (_x, y) => y,
  (x) => x,
  [() => 0, () => 1, () => 0],
);
export const div = binary(
  'div',
  (x, y) => x / y,
  (_x, y) => 1 / y,
  (x, y) => -x / (y * y),
  [() => 0, (_x, y) => -1 / (y * y), (x, y) => (2 * x) / (y * y * y)],
);
export const maximum = binary('maximum', Math.max, share, (x, y) => share(y, x), flat);
export const minimum = binary('minimum', Math.min, (x, y) => share(y, x), share, flat);
/** (x − y)². */
export const squaredDifference = binary(
  'squaredDifference',
  (x, y) => (x - y) ** 2,
  (x, y) => 2 * (x - y),
  (x, y) => -2 * (x - y),
  [() => 2, () => -2, () => 2],
);
