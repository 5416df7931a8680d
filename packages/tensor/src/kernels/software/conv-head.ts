// The logit head of a discriminator: a convolution whose window is the whole of x, with one output channel.
// Each product is one pass over x or its gradient, four values to a load or store.
import { empty, type Tensor } from '../../tensor.ts';
import { type Algorithm, type ConvSizes, plainSums } from '../algorithm.ts';
import { equalSubgroups } from './conv-few-channels.ts';

/** Images that a workgroup of the forward kernel has; invocations of a workgroup, and workgroups, of the others. */
const rows = 4;
const workgroup = 16;
const leastGroups = 16;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Whether the kernels serve it: one output value an image, rows of whole fours, within a grid. */
function fits(z: ConvSizes): boolean {
  if (z.k !== 1 || (z.c * z.h * z.w) % 4 !== 0) return false;
  return z.n <= 65_535 * rows && foursOf(z) <= 65_535 * workgroup;
}

export const head: Algorithm = {
  name: 'head',
  ...plainSums,
  specialValues: 'exact',
  shaders: ['conv/head_forward.wgsl', 'conv/head_input_gradient.wgsl', 'conv/head_weight_gradient.wgsl'],
  runsOn: equalSubgroups,
  convolution: {
    // A matrix product, so without a bias in the input gradient.
    supports: (_, { z, matmul }) => matmul !== null && fits(z),
    suits: () => true,
    forward,
    inputGradient: (gy, weight, _, z) => inputGradient(gy, weight, z),
    weightGradient,
  },
};

const foursOf = (z: ConvSizes): number => (z.c * z.h * z.w) / 4;

/** y = conv(x, w) + bias. */
function forward(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
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
function inputGradient(gy: Tensor, weight: Tensor, z: ConvSizes): Tensor {
  const gx = empty([z.n, z.c, z.h, z.w], { device: gy.device });
  const groups = ceilDiv(foursOf(z), workgroup);
  const part = ceilDiv(z.n, ceilDiv(leastGroups, groups));
  gy.device.dispatch(
    {
      name: 'conv_head_input_gradient',
      files: ['conv/head_input_gradient.wgsl', 'conv/few_channels_share.wgsl'],
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
function weightGradient(x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const gw = empty([1, z.c, z.r, z.s], { device: x.device });
  x.device.dispatch(
    {
      name: 'conv_head_weight_gradient',
      files: ['conv/head_weight_gradient.wgsl', 'conv/few_channels_share.wgsl'],
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
