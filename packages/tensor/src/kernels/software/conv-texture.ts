// Direct convolution on textures, for what no form of Winograd's method serves or pays for: operands are packed into
// textures, which software adapters read several times faster than buffers, then multiplied window by window. Plain
// convolutions only: one group, dilation 1. Matrix products by the same name are those of matmul-texture.ts.
import { type PooledTexture, textureWidth } from '../../device/buffers.ts';
import type { BufferRange, Device } from '../../device/device.ts';
import { empty, type Tensor } from '../../tensor.ts';
import {
  type Algorithm,
  type ConvProblem,
  type ConvSizes,
  isWholeWindow,
  convMacs as macsOf,
  plainSums,
} from '../algorithm.ts';
import { wantedWorkgroups } from '../gemm.ts';
import { reduce } from '../reduce.ts';
import { wholeWindow } from '../whole-window.ts';
import { hasSubgroups } from './gemm-subgroup.ts';
import { matmulOnTextures } from './matmul-texture.ts';

/** Multiply-adds below which packing is not worth its dispatches. */
const leastMacs = 2 ** 22;

/** Channels, packed four to a texel, below which too much of what is packed and multiplied is padding. */
const leastChannels = 5;

/** Rows and columns that one invocation holds (core_texture.wgsl): few rows for pictures of a channel or three. */
const rowsHeld = (rows: number): number => (rows > 4 ? 16 : 4);
const columnsHeld = 8;
const coreWorkgroup = 16;

/** Invocations of a workgroup that packs, and workgroups that keep every core busy. */
const packWorkgroup = 16;
const packWorkgroups = 256;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Where the values of a channel lie in its plane of texels. */
interface Plane {
  readonly h: number;
  readonly w: number;
  readonly top: number;
  readonly left: number;
}

function xPlane(z: ConvSizes, q: number): Plane {
  return {
    h: (z.p - 1) * z.stride[0] + z.r,
    w: (q - 1) * z.stride[1] + z.s,
    top: z.padding[0],
    left: z.padding[1],
  };
}

/** The taps that a phase of the input gradient sees, at most. */
function phaseTaps(z: ConvSizes): [number, number] {
  return [ceilDiv(z.r, z.stride[0]), ceilDiv(z.s, z.stride[1])];
}

function gyPlane(z: ConvSizes): Plane {
  const taps = phaseTaps(z);
  const length = (size: number, i: 0 | 1): number =>
    ceilDiv(size, z.stride[i]) + Math.floor((z.stride[i] - 1 + z.padding[i]) / z.stride[i]) + taps[i] - 1;
  return { h: length(z.h, 0), w: length(z.w, 1), top: taps[0] - 1, left: taps[1] - 1 };
}

/** Positions of a row of gy in the weight gradient, which takes four at once. */
const paddedQ = (z: ConvSizes): number => ceilDiv(z.q, 4) * 4;

const texelsOf = (n: number, channels: number, plane: Plane): number =>
  n * ceilDiv(channels, 4) * plane.h * plane.w;

/** Whether a convolution can be packed: one group, no dilation, within a texture and a grid. */
function fits(device: Device, z: ConvSizes): boolean {
  if (z.groups !== 1 || z.dilation[0] !== 1 || z.dilation[1] !== 1) return false;
  const planes: [number, Plane][] = [
    [z.c, xPlane(z, paddedQ(z))],
    [z.k, gyPlane(z)],
    [z.k, { h: z.p, w: paddedQ(z), top: 0, left: 0 }],
  ];
  const weights = (z.k + 16) * (z.c + 16) * (z.r + z.stride[0]) * (z.s + z.stride[1]);
  const texels = Math.max(weights, ...planes.map(([channels, plane]) => texelsOf(z.n, channels, plane)));
  if (texels > device.pool.maxTexels) return false;
  return planes.every(([, { h, w }]) => h * w <= 65_535 * packWorkgroup); // one dispatch packs a plane
}

/** Where packing pays. */
function suits({ product, z }: ConvProblem): boolean {
  const packed = product === 'inputGradient' ? z.k : z.c;
  if (packed < leastChannels || (product === 'weightGradient' && 2 * z.q <= paddedQ(z))) return false;
  return macsOf(z) >= leastMacs;
}

export const texture: Algorithm = {
  name: 'texture',
  ...plainSums,
  specialValues: 'spread',
  shaders: ['gemm/core_texture.wgsl', 'winograd/f1x1.wgsl'],
  runsOn: hasSubgroups,
  matmul: matmulOnTextures,
  convolution: {
    supports: (device, { z, matmul }) =>
      matmul ? matmulOnTextures.supports(device, matmul) : fits(device, z),
    suits: (device, problem) =>
      problem.matmul ? matmulOnTextures.suits(device, problem.matmul) : suits(problem),
    forward: (x, weight, bias, z) =>
      isWholeWindow(z)
        ? wholeWindow.forward(matmulOnTextures, x, weight, bias, z)
        : forward(x, weight, bias, z),
    inputGradient: (gy, weight, bias, z) =>
      isWholeWindow(z) && !bias
        ? wholeWindow.inputGradient(matmulOnTextures, gy, weight, z)
        : inputGradient(gy, weight, bias, z),
    weightGradient: (x, gy, z) =>
      isWholeWindow(z) ? wholeWindow.weightGradient(matmulOnTextures, x, gy, z) : weightGradient(x, gy, z),
  },
};

/** Runs `fn` with a scratch texture, which later commands may use again. */
function withTexture<T>(device: Device, texels: number, fn: (texture: PooledTexture) => T): T {
  const { pool } = device;
  const texture = pool.acquireTexture(texels);
  try {
    return fn(texture);
  } finally {
    pool.release(texture);
  }
}

/** x [N, C, H, W] in texels of four channels. */
function withChannels<T>(x: Tensor, plane: Plane, fn: (texture: PooledTexture) => T): T {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const slices = n * ceilDiv(c, 4);
  const positions = ceilDiv(plane.h * plane.w, packWorkgroup);
  const part = ceilDiv(slices, ceilDiv(packWorkgroups, positions));
  return withTexture(x.device, texelsOf(n, c, plane), (texture) => {
    x.device.dispatch(
      {
        name: 'pack_channels',
        files: ['conv/pack_channels.wgsl'],
        constants: { WORKGROUP: packWorkgroup, TEXTURE_WIDTH: textureWidth },
        bindings: ['read', 'texture-write'],
      },
      [slices, part, c, h, w, plane.h, plane.w, plane.top, plane.left],
      [x.range, texture],
      [positions, ceilDiv(slices, part), 1],
    );
    return fn(texture);
  });
}

/** How weights are read as rows × inner channels × taps, by phase. */
interface Taps {
  readonly rows: number;
  readonly rowStride: number;
  readonly inner: number;
  readonly innerStride: number;
  readonly taps: readonly [number, number];
  readonly phases: readonly [number, number];
  readonly pad: readonly [number, number];
  readonly flip: boolean;
}

function withWeights<T>(weight: Tensor, t: Taps, fn: (texture: PooledTexture) => T): T {
  const [r, s] = weight.shape.slice(2) as [number, number];
  const held = rowsHeld(t.rows);
  const invocations = t.phases[0] * t.phases[1] * ceilDiv(t.rows, held) * t.taps[0] * t.taps[1] * held;
  return withTexture(weight.device, invocations * ceilDiv(t.inner, 4), (texture) => {
    weight.device.dispatch(
      {
        name: 'pack_weights',
        files: ['conv/pack_weights.wgsl'],
        constants: { WORKGROUP: packWorkgroup, TEXTURE_WIDTH: textureWidth, FLIP: t.flip },
        bindings: ['read', 'texture-write'],
      },
      [t.rows, t.rowStride, t.inner, t.innerStride, r, s, ...t.taps, ...t.phases, ...t.pad, held],
      [weight.range, texture],
      [ceilDiv(invocations, packWorkgroup), 1, 1],
    );
    return fn(texture);
  });
}

/** The sums over a window that forward and input gradient are: source planes in, [N, rows, ...out] out. */
function windowSums(
  source: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  plane: Plane,
  stride: readonly [number, number],
  t: Taps,
  out: readonly [number, number],
  macs: number,
): Tensor {
  const { device } = source;
  const n = source.shape[0]!;
  const y = empty([n, t.rows, ...out], { device });
  const columns = n * ceilDiv(out[0], t.phases[0]) * ceilDiv(out[1], t.phases[1]);
  const blocks = ceilDiv(t.inner, 4);
  withChannels(source, plane, (channels) =>
    withWeights(weight, t, (weights) =>
      product(
        device,
        'texture_window',
        [
          n,
          t.rows,
          blocks,
          ...t.taps,
          plane.h,
          plane.w,
          ...stride,
          ...t.phases,
          ...t.pad,
          ...out,
          bias ? 1 : 0,
        ],
        [weights, channels],
        [(bias ?? weight).range, y.range],
        [columns, t.rows, t.phases[0] * t.phases[1]],
        macs,
      ),
    ),
  );
  return y;
}

function product(
  device: Device,
  problem: 'texture_window' | 'texture_weight_gradient',
  params: readonly number[],
  textures: readonly PooledTexture[],
  ranges: readonly BufferRange[],
  [columns, rows, batch]: readonly [number, number, number],
  macs: number,
): void {
  device.dispatch(
    {
      name: `conv_${problem}`,
      files: [`conv/${problem}.wgsl`, 'gemm/core_texture.wgsl', 'gemm/texel_tile.wgsl'],
      constants: {
        WORKGROUP: coreWorkgroup,
        TEXTURE_WIDTH: textureWidth,
        ROWS: rowsHeld(rows),
        A_INNER: problem === 'texture_window',
        B_INNER: problem === 'texture_window',
      },
      bindings: [
        ...textures.map(() => 'texture-read' as const),
        ...ranges.map((_, i) => (i === ranges.length - 1 ? ('write' as const) : ('read' as const))),
      ],
      subgroups: true,
    },
    params,
    [...textures, ...ranges],
    [ceilDiv(columns, columnsHeld * coreWorkgroup), ceilDiv(rows, rowsHeld(rows)), batch],
    { flop: 2 * macs, sizes: [batch, rows, columns, Math.round(macs / (batch * rows * columns))] },
  );
}

/** y = conv(x, w) + bias. */
function forward(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const t: Taps = {
    rows: z.k,
    rowStride: z.c * z.r * z.s,
    inner: z.c,
    innerStride: z.r * z.s,
    taps: [z.r, z.s],
    phases: [1, 1],
    pad: [0, 0],
    flip: false,
  };
  return windowSums(x, weight, bias, xPlane(z, z.q), z.stride, t, [z.p, z.q], macsOf(z));
}

/** The x-shaped product of gy and w, + bias. */
function inputGradient(gy: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const t: Taps = {
    rows: z.c,
    rowStride: z.r * z.s,
    inner: z.k,
    innerStride: z.c * z.r * z.s,
    taps: phaseTaps(z),
    phases: z.stride,
    pad: z.padding,
    flip: true,
  };
  return windowSums(gy, weight, bias, gyPlane(z), [1, 1], t, [z.h, z.w], macsOf(z));
}

/** The w-shaped product of x and gy. */
function weightGradient(x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const { device } = x;
  const columns = ceilDiv(z.c, 4) * 4 * z.r * z.s;
  const tiles = ceilDiv(z.k, rowsHeld(z.k)) * ceilDiv(columns, columnsHeld * coreWorkgroup);
  const splits = Math.min(z.n, ceilDiv(wantedWorkgroups(device), tiles));
  const shape = [z.k, z.c, z.r, z.s];
  const parts = empty([splits, ...shape], { device });
  const q = paddedQ(z);
  const plane = xPlane(z, q);
  withChannels(x, plane, (xTexels) =>
    withChannels(gy, { h: z.p, w: q, top: 0, left: 0 }, (gyTexels) =>
      product(
        device,
        'texture_weight_gradient',
        [z.n, z.k, splits, z.c, z.r, z.s, z.p, q, plane.h, plane.w, ...z.stride],
        [gyTexels, xTexels],
        [parts.range],
        [columns, z.k, splits],
        macsOf(z),
      ),
    ),
  );
  const total = splits === 1 ? parts.view(shape) : reduce('sum', parts, [0], false);
  parts.dispose();
  return total;
}
