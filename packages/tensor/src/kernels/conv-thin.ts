// The three products of a convolution of few input channels, such as a discriminator's first layer and, transposed, a
// generator's last: as near to one pass over the large operand as loads and stores allow. For software adapters.
import type { Device } from '../device/device.ts';
import type { Constant } from '../device/pipelines.ts';
import { ConfigError } from '../errors.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { empty, type Tensor } from '../tensor.ts';
import type { ConvSizes } from './conv.ts';
import { forcedCore, supportsCore } from './gemm.ts';
import { reduce } from './reduce.ts';

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
export function isThin(z: ConvSizes): boolean {
  return z.c * z.r * z.s <= mostTaps && Math.max(z.r, z.s) <= mostKernel;
}

/** Whether a product takes this path: it can, and it is forced, or the adapter is a software one and it pays. */
export function onThin(device: Device, z: ConvSizes): boolean {
  const forced = forcedCore();
  if (forced && forced !== 'thin') return false;
  if (z.groups !== 1 || z.dilation[0] !== 1 || z.dilation[1] !== 1) return false;
  if (!isThin(z)) return false;
  if (z.n * Math.max(z.p * ceilDiv(z.q, 4), z.h * ceilDiv(z.w, 4)) > 65_535 * workgroup) return false; // a grid
  if (Math.max(...z.stride) > 2 || z.padding[0] >= z.r || z.padding[1] >= z.s) return false;
  if (forced) {
    if (!supportsCore(device, 'thin')) throw new ConfigError('This adapter cannot run the thin kernels.');
    return true;
  }
  if (!device.adapter.software || !supportsCore(device, 'thin')) return false;
  return z.k >= leastOutputs && z.n * z.k * z.p * z.q * z.c * z.r * z.s >= leastMacs;
}

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
  row % 4 === 0 ? 'conv/thin_put_vec4.wgsl' : 'conv/thin_put_f32.wgsl';
const takeFile = (row: number): ShaderFile =>
  row % 4 === 0 ? 'conv/thin_take_vec4.wgsl' : 'conv/thin_take_f32.wgsl';

/** The files of a kernel of neighbours that reads rows of `source` values and writes rows of `result`. */
const filesOf = (kernel: ShaderFile, source: number, result: number): ShaderFile[] => [
  kernel,
  'conv/thin_weights.wgsl',
  'conv/thin_share.wgsl',
  'conv/thin_line.wgsl',
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
export function forwardOfThin(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const y = empty([z.n, z.k, z.p, z.q], { device: x.device });
  const rows = z.c > 1 ? 1 : 2;
  const across = ceilDiv(z.q, 4);
  const groups = ceilDiv(z.n * ceilDiv(z.p, rows) * across, workgroup);
  // With few positions, several invocations share the channels.
  const shares = Math.min(ceilDiv(z.k, 8), ceilDiv(leastGroups, groups));
  x.device.dispatch(
    {
      name: 'conv_thin_forward',
      files: filesOf('conv/thin_forward.wgsl', z.w, z.q),
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
export function inputGradientOfThin(gy: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const gx = empty([z.n, z.c, z.h, z.w], { device: gy.device });
  const rows = z.c > 1 ? 2 : 4;
  const across = ceilDiv(z.w, 4 * z.stride[1]);
  const patches = z.n * ceilDiv(z.h, rows * z.stride[0]) * across;
  gy.device.dispatch(
    {
      name: 'conv_thin_input_gradient',
      files: filesOf('conv/thin_input_gradient.wgsl', z.q, z.w),
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
export function weightGradientOfThin(x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const { device } = x;
  const shape = [z.k, z.c, z.r, z.s];
  const lanes = device.adapter.subgroupSize[0];
  const blocks = Math.min(z.c > 1 ? 2 : 4, ceilDiv(z.k, lanes));
  const part = ceilDiv(z.n * z.p, parts);
  const splits = ceilDiv(z.n * z.p, part);
  const partial = empty([splits, ...shape], { device });
  device.dispatch(
    {
      name: 'conv_thin_weight_gradient',
      files: [
        'conv/thin_weight_gradient.wgsl',
        'conv/thin_share.wgsl',
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
