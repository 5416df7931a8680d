// Losses element by element with their derivatives, reduced with their gradient, and the choice of each row's class.
import { f32 } from '../device/device.ts';
import { ShapeError } from '../errors.ts';
import { empty, Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';
import { chunk, partsOf, reduce } from './reduce.ts';

const kinds = { bce: 0, bceWithLogits: 1, mse: 2, l1: 3 } as const;

export type PointwiseLossKind = keyof typeof kinds;

/** The highest derivative, in prediction and target together, that the shader knows. */
const maxOrder = 3;

/** A loss f(x, t), or its derivative of the given orders in the prediction x and the target t. */
export interface PointwiseLoss {
  readonly kind: PointwiseLossKind;
  readonly xOrder: number;
  readonly tOrder: number;
}

const functions = [
  'elementwise/is_nan.wgsl',
  'elementwise/elementary.wgsl',
  'elementwise/logistic.wgsl',
  'loss/pointwise_functions.wgsl',
] as const;

/**
 * scale · g · f⁽ⁱʲ⁾(x, t), of x's shape.
 * @param target of x's shape, or one number for all elements.
 * @param g of x's shape, or one element for all; left out it is 1.
 */
export function pointwiseLoss(
  f: PointwiseLoss,
  x: Tensor,
  target: Tensor | number,
  scale: number,
  g?: Tensor,
): Tensor {
  if (f.xOrder + f.tOrder > maxOrder) {
    throw new ShapeError(`${f.kind}: derivatives above the ${maxOrder}rd are not available.`);
  }
  const targets = target instanceof Tensor ? target : null;
  const y = empty(x.shape, { device: x.device });
  x.device.dispatch(
    {
      name: f.xOrder + f.tOrder === 0 ? f.kind : `${f.kind}_backward`,
      files: [...functions, 'loss/pointwise.wgsl'],
      constants: {
        WORKGROUP: flatWorkgroup,
        KIND: kinds[f.kind],
        ORDER: 4 * f.xOrder + f.tOrder,
        TARGET_TENSOR: targets !== null,
        GRADIENT: !g ? 0 : g.size === 1 ? 1 : 2,
      },
      bindings: ['read', 'read', 'read', 'write'],
    },
    [x.size, f32(scale), f32(targets ? 0 : (target as number))],
    [x.range, (targets ?? x).range, (g ?? x).range, y.range],
    flatGrid(x.device, x.size),
  );
  return y;
}

/**
 * scale · Σ f(x, t) of shape [], and its gradient in x, scale · ∂f/∂x, in one pass over x: the same bits as
 * `pointwiseLoss`, `reduce` and `pointwiseLoss` of the derivative.
 * @param target of x's shape, or one number for all elements.
 */
export function reducedLoss(
  kind: PointwiseLossKind,
  x: Tensor,
  target: Tensor | number,
  scale: number,
): { y: Tensor; gradient: Tensor } {
  const { device, size } = x;
  const targets = target instanceof Tensor ? target : null;
  const { parts, part } = partsOf(size);
  const gradient = empty(x.shape, { device });
  const sums = empty(parts === 1 ? [] : [parts], { device });
  device.dispatch(
    {
      name: `${kind}_with_gradient`,
      files: [...functions, 'loss/reduced.wgsl'],
      constants: {
        WORKGROUP: flatWorkgroup,
        PART: chunk,
        KIND: kinds[kind],
        TARGET_TENSOR: targets !== null,
      },
      bindings: ['read', 'read', 'write', 'write'],
    },
    [size, part, f32(parts === 1 ? scale : 1), f32(scale), f32(targets ? 0 : (target as number))],
    [x.range, (targets ?? x).range, sums.range, gradient.range],
    [parts, 1, 1],
  );
  if (parts === 1) return { y: sums, gradient };
  const y = reduce('sum', sums, [0], false, scale);
  sums.dispose();
  return { y, gradient };
}

/** -logP[n, labels[n]] of logP (N, C) and labels (N) of int32 or uint32: (N). NaN where a label is not in 0..C-1. */
export function pickLabels(logP: Tensor, labels: Tensor<'int32' | 'uint32'>): Tensor {
  const [rows, classes] = logP.shape as [number, number];
  const losses = empty([rows], { device: logP.device });
  const quietNaN = 0x7fc00000;
  logP.device.dispatch(
    {
      name: 'label_pick',
      files: ['loss/label_pick.wgsl'],
      constants: { WORKGROUP: flatWorkgroup },
      bindings: ['read', 'read', 'write'],
    },
    [rows, classes, quietNaN],
    [logP.range, labels.range, losses.range],
    flatGrid(logP.device, rows),
  );
  return losses;
}

/** The adjoint of pickLabels: (N, classes) with -g[n] at each row's label, else 0. */
export function placeLabels(g: Tensor, labels: Tensor<'int32' | 'uint32'>, classes: number): Tensor {
  const y = empty([g.size, classes], { device: g.device });
  g.device.dispatch(
    {
      name: 'label_place',
      files: ['loss/label_place.wgsl'],
      constants: { WORKGROUP: flatWorkgroup },
      bindings: ['read', 'read', 'write'],
    },
    [y.size, classes],
    [g.range, labels.range, y.range],
    flatGrid(g.device, y.size),
  );
  return y;
}
