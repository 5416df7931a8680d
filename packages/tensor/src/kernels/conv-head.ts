// Convolutions whose window is the whole of x: the first layer of a generator, transposed, and the logit head of a
// discriminator, whose single output value an image has kernels of its own, one pass over x or its gradient each.
import type { Device } from '../device/device.ts';
import { ConfigError } from '../errors.ts';
import { empty, type Tensor } from '../tensor.ts';
import type { ConvSizes } from './conv.ts';
import { forcedCore, supportsCore } from './gemm.ts';

/** Images that a workgroup of the forward kernel has; invocations of a workgroup, and workgroups, of the others. */
const rows = 4;
const workgroup = 16;
const leastGroups = 16;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Whether y is one position that sees the whole of x. */
export function isOuterProduct(z: ConvSizes): boolean {
  const dense = z.padding[0] === 0 && z.padding[1] === 0 && z.dilation[0] === 1 && z.dilation[1] === 1;
  return z.groups === 1 && dense && z.p === 1 && z.q === 1 && z.h === z.r && z.w === z.s;
}

/** Whether the kernels of a logit head run: they can, and they are forced as `thin`, or the adapter is a software one. */
export function onHead(device: Device, z: ConvSizes): boolean {
  const forced = forcedCore();
  if (forced && forced !== 'thin') return false;
  if (!isOuterProduct(z) || z.k !== 1 || (z.c * z.h * z.w) % 4 !== 0) return false;
  if (z.n > 65_535 * rows || foursOf(z) > 65_535 * workgroup) return false; // a grid
  if (forced && !supportsCore(device, 'thin'))
    throw new ConfigError('This adapter cannot run the thin kernels.');
  return supportsCore(device, 'thin') && (forced !== null || device.adapter.software);
}

const foursOf = (z: ConvSizes): number => (z.c * z.h * z.w) / 4;

/** y = conv(x, w) + bias. */
export function forwardOfHead(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const y = empty([z.n, 1, 1, 1], { device: x.device });
  x.device.dispatch(
    {
      name: 'conv_head_forward',
      files: ['conv/head_forward.wgsl'],
      constants: { ROWS: rows, LANES: x.device.adapter.subgroupSize[0], HAS_BIAS: bias !== null },
      bindings: ['read', 'read', 'read', 'write'],
      subgroups: true,
    },
    [z.n, foursOf(z)],
    [x.range, weight.range, (bias ?? weight).range, y.range],
    [ceilDiv(z.n, rows), 1, 1],
  );
  return y;
}

/** The x-shaped product of gy and w. */
export function inputGradientOfHead(gy: Tensor, weight: Tensor, z: ConvSizes): Tensor {
  const gx = empty([z.n, z.c, z.h, z.w], { device: gy.device });
  const groups = ceilDiv(foursOf(z), workgroup);
  const part = ceilDiv(z.n, ceilDiv(leastGroups, groups));
  gy.device.dispatch(
    {
      name: 'conv_head_input_gradient',
      files: ['conv/head_input_gradient.wgsl', 'conv/thin_share.wgsl'],
      constants: { WORKGROUP: workgroup },
      bindings: ['read', 'read', 'write'],
      subgroups: true,
    },
    [z.n, foursOf(z), part],
    [gy.range, weight.range, gx.range],
    [groups, ceilDiv(z.n, part), 1],
  );
  return gx;
}

/** The w-shaped product of x and gy. */
export function weightGradientOfHead(x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const gw = empty([1, z.c, z.r, z.s], { device: x.device });
  x.device.dispatch(
    {
      name: 'conv_head_weight_gradient',
      files: ['conv/head_weight_gradient.wgsl', 'conv/thin_share.wgsl'],
      constants: { WORKGROUP: workgroup },
      bindings: ['read', 'read', 'write'],
      subgroups: true,
    },
    [z.n, foursOf(z)],
    [gy.range, x.range, gw.range],
    [ceilDiv(foursOf(z), workgroup), 1, 1],
  );
  return gw;
}
