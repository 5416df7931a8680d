// The three products of a convolution of few input channels, such as a discriminator's first layer and, transposed, a
// generator's last: as near to one pass over the large operand as loads and stores allow.
import type { Device } from '../../device/device.ts';
import type { Constant } from '../../device/pipelines.ts';
import type { ShaderFile } from '../../shaders.generated.ts';
import { empty, type Tensor } from '../../tensor.ts';
import { type Algorithm, type ConvSizes, convMacs, plainSums } from '../algorithm.ts';
import { reduce } from '../reduce.ts';
import { hasSubgroups } from './gemm-subgroup.ts';

/** Weights of an output channel, and taps each way, that an invocation can hold. */
const mostTaps = 48;
const mostKernel = 5;

/** Multiply-adds below which the plain core is as good, and compiles in a tenth of the time. */
const leastMacs = 2 ** 20;

/** Output channels below which lanes of a subgroup would be idle. */
const leastOutputs = 8;

/** Invocations of a workgroup of neighbours: one or two subgroups. */
const workgroup = 16;

/** Workgroups that keep every core busy. */
const leastGroups = 16;

/** Parts of a weight gradient: enough for many cores, and few to add up. */
const parts = 32;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Whether an invocation can hold the weights of an output channel. */
export function hasFewChannels(z: ConvSizes): boolean {
  return z.c * z.r * z.s <= mostTaps && Math.max(z.r, z.s) <= mostKernel;
}

/** Whether the kernels serve a convolution: few channels, one group, no dilation, strides up to 2, within a grid. */
export function fits(z: ConvSizes): boolean {
  if (z.groups !== 1 || z.dilation[0] !== 1 || z.dilation[1] !== 1) return false;
  if (!hasFewChannels(z)) return false;
  if (z.n * Math.max(z.p * ceilDiv(z.q, 4), z.h * ceilDiv(z.w, 4)) > 65_535 * workgroup) return false; // a grid
  return Math.max(...z.stride) <= 2 && z.padding[0] < z.r && z.padding[1] < z.s;
}

/** Whether all subgroups of an adapter have the same number of lanes, 8 or more: a lane is an output channel. */
export function equalSubgroups(device: Device): boolean {
  const [least, most] = device.adapter.subgroupSize;
  return hasSubgroups(device) && least === most;
}

export const fewChannels: Algorithm = {
  name: 'few-channels',
  ...plainSums,
  // Four positions at once, of which a row's last have a zero for their gradient.
  specialValues: { forward: 'exact', inputGradient: 'exact', weightGradient: 'spread' },
  shaders: [
    'conv/few_channels_forward.wgsl',
    'conv/few_channels_input_gradient.wgsl',
    'conv/few_channels_weight_gradient.wgsl',
  ],
  runsOn: equalSubgroups,
  convolution: {
    supports: (_, { z, matmul }) => matmul === null && fits(z),
    suits: (_, { z }) => z.k >= leastOutputs && convMacs(z) >= leastMacs,
    forward,
    inputGradient,
    weightGradient,
  },
};

function constantsOf(z: ConvSizes): Record<string, Constant> {
  return {
    CHANNELS: z.c,
    KERNEL_R: z.r,
    KERNEL_S: z.s,
    STRIDE_H: z.stride[0],
    STRIDE_W: z.stride[1],
    PAD_H: z.padding[0],
    PAD_W: z.padding[1],
  };
}

const paramsOf = (z: ConvSizes): number[] => [z.n, z.h, z.w, z.k, z.p, z.q];

/** Runs of four at once, where every row starts at a multiple of four. */
const putFile = (row: number): ShaderFile =>
  row % 4 === 0 ? 'conv/few_channels_put_vec4.wgsl' : 'conv/few_channels_put_f32.wgsl';
const takeFile = (row: number): ShaderFile =>
  row % 4 === 0 ? 'conv/few_channels_take_vec4.wgsl' : 'conv/few_channels_take_f32.wgsl';

/** The files of a kernel of neighbours that reads rows of `source` values and writes rows of `result`. */
const filesOf = (kernel: ShaderFile, source: number, result: number): ShaderFile[] => [
  kernel,
  'conv/few_channels_weights.wgsl',
  'conv/few_channels_share.wgsl',
  'conv/few_channels_line.wgsl',
  takeFile(source),
  putFile(result),
];

/**
 * Whether lanes may take the borders of rows from each other: the invocations of a row, `across`, fill a subgroup or
 * an equal part of it, and have all of its `length` values, `held` each.
 */
const neighbours = (across: number, held: number, length: number): boolean =>
  8 % across === 0 && across * held >= length;

/** y = conv(x, w) + bias. */
function forward(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const y = empty([z.n, z.k, z.p, z.q], { device: x.device });
  const rows = z.c > 1 ? 1 : 2;
  const across = ceilDiv(z.q, 4);
  const groups = ceilDiv(z.n * ceilDiv(z.p, rows) * across, workgroup);
  // With few positions, several invocations share the channels.
  const shares = Math.min(ceilDiv(z.k, 8), ceilDiv(leastGroups, groups));
  x.device.dispatch(
    {
      name: 'conv_few_channels_forward',
      files: filesOf('conv/few_channels_forward.wgsl', z.w, z.q),
      constants: {
        ...constantsOf(z),
        ROWS: rows,
        NEIGHBOURS: neighbours(across, 4 * z.stride[1], z.w),
        HAS_BIAS: bias !== null,
        WORKGROUP: workgroup,
        RESULT_BINDING: 4,
      },
      bindings: ['read', 'read', 'read', 'write'],
      subgroups: true,
    },
    [...paramsOf(z), ceilDiv(z.k, shares)],
    [x.range, weight.range, (bias ?? weight).range, y.range],
    [groups, shares, 1],
  );
  return y;
}

/** The x-shaped product of gy and w, + bias. */
function inputGradient(gy: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const gx = empty([z.n, z.c, z.h, z.w], { device: gy.device });
  const rows = z.c > 1 ? 2 : 4;
  const across = ceilDiv(z.w, 4 * z.stride[1]);
  const patches = z.n * ceilDiv(z.h, rows * z.stride[0]) * across;
  gy.device.dispatch(
    {
      name: 'conv_few_channels_input_gradient',
      files: filesOf('conv/few_channels_input_gradient.wgsl', z.q, z.w),
      constants: {
        ...constantsOf(z),
        ROWS: rows,
        NEIGHBOURS: neighbours(across, 4, z.q),
        HAS_BIAS: bias !== null,
        WORKGROUP: workgroup,
        RESULT_BINDING: 4,
      },
      bindings: ['read', 'read', 'read', 'write'],
      subgroups: true,
    },
    paramsOf(z),
    [gy.range, weight.range, (bias ?? weight).range, gx.range],
    [ceilDiv(patches, workgroup), 1, 1],
  );
  return gx;
}

/** The w-shaped product of x and gy. */
function weightGradient(x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const { device } = x;
  const shape = [z.k, z.c, z.r, z.s];
  const lanes = device.adapter.subgroupSize[0];
  const blocks = Math.min(z.c > 1 ? 2 : 4, ceilDiv(z.k, lanes));
  const part = ceilDiv(z.n * z.p, parts);
  const splits = ceilDiv(z.n * z.p, part);
  const partial = empty([splits, ...shape], { device });
  device.dispatch(
    {
      name: 'conv_few_channels_weight_gradient',
      files: [
        'conv/few_channels_weight_gradient.wgsl',
        'conv/few_channels_share.wgsl',
        takeFile(z.q),
        putFile(z.c * z.r * z.s),
      ],
      constants: { ...constantsOf(z), LANES: lanes, BLOCKS: blocks, RESULT_BINDING: 3 },
      bindings: ['read', 'read', 'write'],
      subgroups: true,
    },
    [...paramsOf(z), part],
    [gy.range, x.range, partial.range],
    [splits, ceilDiv(z.k, lanes * blocks), 1],
  );
  const total = splits === 1 ? partial.view(shape) : reduce('sum', partial, [0], false);
  partial.dispose();
  return total;
}
