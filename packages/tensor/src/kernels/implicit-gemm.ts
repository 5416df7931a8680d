// A convolution as a batched matrix product whose operands are never laid out as matrices: the problem files
// (shaders/conv) say where each entry of A and B is. Every core of gemm.ts computes the three products by
// them.
import type { Constant } from '../device/pipelines.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { empty, type Tensor } from '../tensor.ts';
import {
  type ConvAlgorithm,
  type ConvProduct,
  type ConvSizes,
  convMacs,
  isWholeWindow,
  type MatmulAlgorithm,
  type ProductSizes,
} from './algorithm.ts';
import { type GemmCore, gemm, innerSplits } from './gemm.ts';
import { reduce } from './reduce.ts';
import { wholeWindow } from './whole-window.ts';

/** Convolutions by a core; those whose window is the whole of x by its matrix product. */
export function implicitGemm(core: GemmCore, matmul: MatmulAlgorithm): ConvAlgorithm {
  const worthTrying = core.worthTrying?.convolution;
  return {
    supports: () => true,
    suits: (device, problem) =>
      problem.matmul ? matmul.suits(device, problem.matmul) : core.suits(device, problem),
    ...(worthTrying && { worthTrying: (_, problem) => worthTrying(problem) }),
    forward: (x, weight, bias, z) =>
      isWholeWindow(z) ? wholeWindow.forward(matmul, x, weight, bias, z) : forward(core, x, weight, bias, z),
    inputGradient: (gy, weight, bias, z) =>
      isWholeWindow(z) && !bias
        ? wholeWindow.inputGradient(matmul, gy, weight, z)
        : inputGradient(core, gy, weight, bias, z),
    weightGradient: (x, gy, z) =>
      isWholeWindow(z) ? wholeWindow.weightGradient(matmul, x, gy, z) : weightGradient(core, x, gy, z),
  };
}

/** A product's rows, columns, number and multiply-adds. */
export function productSizes(product: ConvProduct, z: ConvSizes): ProductSizes {
  const macs = convMacs(z);
  const [k, c] = [z.k / z.groups, z.c / z.groups];
  if (product === 'forward') return { macs, m: k, n: z.n * z.p * z.q, batch: z.groups };
  if (product === 'weightGradient') return { macs, m: k, n: c * z.r * z.s, batch: z.groups };
  const [h, w] = [Math.ceil(z.h / z.stride[0]), Math.ceil(z.w / z.stride[1])];
  return { macs, m: c, n: z.n * h * w, batch: z.groups * z.stride[0] * z.stride[1] };
}

/** Multiply-adds above which sizes are compiled in: a compilation pays only for work that is worth it. */
const staticFrom = 2 ** 21;

function constantsOf(z: ConvSizes): Record<string, Constant> {
  const size = (n: number): number => (convMacs(z) >= staticFrom ? n : 0);
  return {
    STATIC_C: size(z.c / z.groups),
    STATIC_H: size(z.h),
    STATIC_W: size(z.w),
    STATIC_K: size(z.k / z.groups),
    STATIC_P: size(z.p),
    STATIC_Q: size(z.q),
    KERNEL_R: z.r,
    KERNEL_S: z.s,
    STRIDE_H: z.stride[0],
    STRIDE_W: z.stride[1],
    PAD_H: z.padding[0],
    PAD_W: z.padding[1],
    DILATION_H: z.dilation[0],
    DILATION_W: z.dilation[1],
  };
}

function paramsOf(z: ConvSizes, splits: number): number[] {
  return [z.n, z.groups, splits, z.c / z.groups, z.h, z.w, z.k / z.groups, z.p, z.q];
}

const files = (problem: ShaderFile): ShaderFile[] => ['conv/shape.wgsl', problem];

function forward(core: GemmCore, x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const y = empty([z.n, z.k, z.p, z.q], { device: x.device });
  gemm(x.device, core, {
    name: 'conv_forward',
    files: files('conv/forward.wgsl'),
    constants: { ...constantsOf(z), HAS_BIAS: bias !== null },
    params: paramsOf(z, 1),
    reads: [weight.range, x.range, (bias ?? weight).range],
    output: y.range,
    ...productSizes('forward', z),
    quads: ((z.c / z.groups) * z.r * z.s) % 4 === 0 ? 'inner' : null,
  });
  return y;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function inputGradient(
  core: GemmCore,
  gy: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  z: ConvSizes,
): Tensor {
  const { device } = gy;
  const gx = empty([z.n, z.c, z.h, z.w], { device });
  const step = z.stride.map((stride, i) => stride / gcd(stride, z.dilation[i]!));
  gemm(device, core, {
    name: 'conv_input_gradient',
    files: files('conv/input_gradient.wgsl'),
    constants: {
      ...constantsOf(z),
      HAS_BIAS: bias !== null,
      STEP_R: step[0]!,
      STEP_S: step[1]!,
      TAPS_R: Math.ceil(z.r / step[0]!),
      TAPS_S: Math.ceil(z.s / step[1]!),
    },
    params: paramsOf(z, 1),
    reads: [weight.range, gy.range, (bias ?? weight).range],
    output: gx.range,
    ...productSizes('inputGradient', z),
  });
  return gx;
}

function weightGradient(core: GemmCore, x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const { device } = x;
  const { m, n, batch, macs } = productSizes('weightGradient', z);
  const splits = innerSplits(device, m, n, batch, z.n * z.p * z.q);
  const shape = [z.k, z.c / z.groups, z.r, z.s];
  const parts = empty([splits, ...shape], { device });
  gemm(device, core, {
    name: 'conv_weight_gradient',
    files: files('conv/weight_gradient.wgsl'),
    constants: constantsOf(z),
    params: paramsOf(z, splits),
    reads: [gy.range, x.range],
    output: parts.range,
    macs,
    m,
    n,
    batch: batch * splits,
    along: { b: 'inner' },
    quads: (z.p * z.q) % 4 === 0 && Math.ceil((z.n * z.p * z.q) / splits) % 4 === 0 ? 'inner' : null,
  });
  const total = splits === 1 ? parts.view(shape) : reduce('sum', parts, [0], false);
  parts.dispose();
  return total;
}
