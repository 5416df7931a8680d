// Elementwise functions of one tensor and their derivatives.
import { f32 } from '../device/device.ts';
import { ShapeError } from '../errors.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { checkFloat32, empty, type Tensor } from '../tensor.ts';
import { type FlatWalk, flatWalk, flatWorkgroup } from './launch.ts';

const kinds = [
  'neg',
  'relu',
  'leakyRelu',
  'tanh',
  'sigmoid',
  'softplus',
  'exp',
  'log',
  'sqrt',
  'abs',
  'square',
  'pow',
  'clamp',
  'elu',
  'gelu',
  'silu',
] as const;

export type UnaryKind = (typeof kinds)[number];

/** The highest derivative that the shader knows. */
export const maxOrder = 3;

/** An elementwise function with its arguments (`a`: slope, alpha, exponent or lower bound; `b`: upper bound). */
export interface UnaryFunction {
  readonly kind: UnaryKind;
  readonly a?: number;
  readonly b?: number;
}

function files(walk: FlatWalk, last: ShaderFile): ShaderFile[] {
  return [
    'elementwise/is_nan.wgsl',
    'elementwise/elementary.wgsl',
    'elementwise/logistic.wgsl',
    'elementwise/unary_functions.wgsl',
    ...walk.files,
    walk.wide ? 'elementwise/derivative_vec4.wgsl' : 'elementwise/derivative_f32.wgsl',
    last,
  ];
}

function constants(f: UnaryFunction, order: number): Record<string, number> {
  return { WORKGROUP: flatWorkgroup, KIND: kinds.indexOf(f.kind), ORDER: order };
}

/** f(x) of a float32 tensor, same shape. */
export function unary(f: UnaryFunction, x: Tensor): Tensor {
  checkFloat32(f.kind, x);
  const y = empty(x.shape, { device: x.device });
  const walk = flatWalk(x);
  x.device.dispatch(
    {
      name: f.kind,
      files: files(walk, 'elementwise/unary_forward.wgsl'),
      constants: constants(f, 0),
      bindings: ['read', 'write'],
    },
    [walk.n, f32(f.a ?? 0), f32(f.b ?? 0)],
    [x.range, y.range],
    walk.grid,
    { sizes: [x.size] },
  );
  return y;
}

/** gy · f⁽ᵒʳᵈᵉʳ⁾(x), order 1..3, x and gy of one shape. */
export function unaryBackward(f: UnaryFunction, order: number, x: Tensor, gy: Tensor): Tensor {
  if (order > maxOrder) {
    throw new ShapeError(`${f.kind}: derivatives above the ${maxOrder}rd are not available.`);
  }
  const gx = empty(x.shape, { device: x.device });
  const walk = flatWalk(x);
  x.device.dispatch(
    {
      name: `${f.kind}_backward`,
      files: files(walk, 'elementwise/unary_backward.wgsl'),
      constants: constants(f, order),
      bindings: ['read', 'read', 'write'],
    },
    [walk.n, f32(f.a ?? 0), f32(f.b ?? 0)],
    [x.range, gy.range, gx.range],
    walk.grid,
    { sizes: [x.size] },
  );
  return gx;
}
