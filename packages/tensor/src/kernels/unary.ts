// Elementwise functions of one tensor and their derivatives.
import { f32 } from '../device/device.ts';
import { ShapeError } from '../errors.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { checkFloat32, empty, type Tensor } from '../tensor.ts';
import { type FlatWalk, flatWalk, flatWorkgroup } from './launch.ts';

/** The functions are the files of shaders/unary/functions: `leakyRelu` is leaky_relu.wgsl. */
export type UnaryKind = ShaderFile extends infer File
  ? File extends `unary/functions/${infer Name}.wgsl`
    ? Camel<Name>
    : never
  : never;

type Camel<Name extends string> = Name extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : Name;

function fileOf(kind: UnaryKind): ShaderFile {
  const name = kind.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `unary/functions/${name}.wgsl` as ShaderFile;
}

/** The highest derivative that the shader knows. */
export const maxOrder = 3;

/** An elementwise function with its arguments (`a`: slope, alpha, exponent or lower bound; `b`: upper bound). */
export interface UnaryFunction {
  readonly kind: UnaryKind;
  readonly a?: number;
  readonly b?: number;
}

function files(f: UnaryFunction, walk: FlatWalk, last: ShaderFile): ShaderFile[] {
  return [
    'elementwise/is_nan.wgsl',
    'elementwise/elementary.wgsl',
    'elementwise/logistic.wgsl',
    'unary/helpers.wgsl',
    fileOf(f.kind),
    ...walk.files,
    walk.wide ? 'unary/derivative_vec4.wgsl' : 'unary/derivative_f32.wgsl',
    last,
  ];
}

/** f(x) of a float32 tensor, same shape. */
export function unary(f: UnaryFunction, x: Tensor): Tensor {
  checkFloat32(f.kind, x);
  const y = empty(x.shape, { device: x.device });
  const walk = flatWalk(x);
  x.device.dispatch(
    {
      name: f.kind,
      files: files(f, walk, 'unary/forward.wgsl'),
      constants: { WORKGROUP: flatWorkgroup, ORDER: 0 },
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
      files: files(f, walk, 'unary/backward.wgsl'),
      constants: { WORKGROUP: flatWorkgroup, ORDER: order },
      bindings: ['read', 'read', 'write'],
    },
    [walk.n, f32(f.a ?? 0), f32(f.b ?? 0)],
    [x.range, gy.range, gx.range],
    walk.grid,
    { sizes: [x.size] },
  );
  return gx;
}
