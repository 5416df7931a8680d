// The three products of a convolution y = conv(x, w). Each is linear in both of its operands, and the derivative of
// one is another of the three, so they are all that convolutions, transposed convolutions and all of their gradients
// need.
import type { Device } from '../device/device.ts';
import type { Constant } from '../device/pipelines.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { empty, type Tensor } from '../tensor.ts';
import { byChoice } from './choices.ts';
import {
  forwardOfHead,
  inputGradientOfHead,
  isOuterProduct,
  onHead,
  weightGradientOfHead,
} from './conv-head.ts';
import {
  forwardOnTextures,
  inputGradientOnTextures,
  onTextures,
  weightGradientOnTextures,
} from './conv-texture.ts';
import { forwardOfThin, inputGradientOfThin, isThin, onThin, weightGradientOfThin } from './conv-thin.ts';
import {
  winogradFormOf,
  winogradForward,
  winogradInputGradient,
  winogradWeightGradient,
} from './conv-winograd.ts';
import {
  forcedCore,
  type GemmCore,
  gemm,
  gemmCores,
  innerSplits,
  isPlainCore,
  supportsCore,
  withGemmCore,
} from './gemm.ts';
import { inHalf } from './gemm-matrix.ts';
import { matmulKernel } from './matmul.ts';
import { reduce } from './reduce.ts';

/** Sizes of a convolution: x [N, C, H, W], w [K, C / groups, R, S], y [N, K, P, Q]. */
export interface ConvSizes {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly k: number;
  readonly r: number;
  readonly s: number;
  readonly p: number;
  readonly q: number;
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/** Multiply-adds above which sizes are compiled in: a compilation pays only for work that is worth it. */
const staticFrom = 2 ** 21;

/** Multiply-adds of each of the three products. */
function macsOf(z: ConvSizes): number {
  return (z.n * z.k * z.p * z.q * z.c * z.r * z.s) / z.groups;
}

export type ConvProduct = 'forward' | 'inputGradient' | 'weightGradient';

/** A product's rows, columns, number and multiply-adds. */
function sizesOf(product: ConvProduct, z: ConvSizes) {
  const macs = macsOf(z);
  const [k, c] = [z.k / z.groups, z.c / z.groups];
  if (product === 'forward') return { macs, m: k, n: z.n * z.p * z.q, batch: z.groups };
  if (product === 'weightGradient') return { macs, m: k, n: c * z.r * z.s, batch: z.groups };
  const [h, w] = [Math.ceil(z.h / z.stride[0]), Math.ceil(z.w / z.stride[1])];
  return { macs, m: c, n: z.n * h * w, batch: z.groups * z.stride[0] * z.stride[1] };
}

function constantsOf(z: ConvSizes): Record<string, Constant> {
  const size = (n: number): number => (macsOf(z) >= staticFrom ? n : 0);
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

/**
 * Runs one of a convolution's products, by `run`, on the core that is chosen for its sizes: one for all three, which share
 * operands, except that mixed precision takes float16 matrices for those that are large enough.
 */
export function byChosenCore<T>(device: Device, product: ConvProduct, z: ConvSizes, run: () => T): T {
  if (!forcedCore() && inHalf(device, sizesOf(product, z))) return withGemmCore('matrix', run);
  const { stride, padding, dilation, ...sizes } = z;
  const key = `conv ${Object.values(sizes).join(' ')} ${[...stride, ...padding, ...dilation].join(' ')}`;
  return byChoice(
    device,
    key,
    () => ({
      family: isOuterProduct(z) ? 'one window' : isThin(z) ? 'few channels' : 'convolution',
      macs: 3 * macsOf(z),
      candidates: gemmCores.filter((core) => isCandidate(device, core, z)),
      shapes: (share) => {
        const n = Math.max(1, Math.floor(z.n * share));
        return [
          [n, z.c, z.h, z.w],
          [z.k, z.c / z.groups, z.r, z.s],
          [n, z.k, z.p, z.q],
        ];
      },
      run: ([x, weight, gy]) => {
        const sizes = { ...z, n: x!.shape[0]! };
        return [
          convForward(x!, weight!, null, sizes),
          convInputGradient(gy!, weight!, null, sizes),
          convWeightGradient(x!, gy!, sizes),
        ];
      },
    }),
    run,
  );
}

/** Whether a core is worth trying: it can do this convolution, and is meant to be fast. */
function isCandidate(device: Device, core: GemmCore, z: ConvSizes): boolean {
  if (core === 'compensated' || core === 'matrix' || !supportsCore(device, core)) return false;
  if (core === 'naive') return 3 * macsOf(z) < 2 ** 24;
  if (core === 'thin') return withGemmCore(core, () => onHead(device, z) || onThin(device, z));
  if (core === 'texture') return withGemmCore(core, () => onTextures(device, 'forward', z));
  if (!isPlainCore(core)) return withGemmCore(core, () => winogradFormOf(device, z) !== null);
  // Seconds to compile on a processor, and never the fastest there where textures will do, but for plain products.
  if (!device.adapter.software || !isCandidate(device, 'texture', z)) return true;
  return isOuterProduct(z) && core !== 'tiled';
}

/** y = conv(x, w) + bias. */
export function convForward(x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  if (onHead(x.device, z)) return forwardOfHead(x, weight, bias, z);
  if (isOuterProduct(z)) {
    const inner = z.c * z.r * z.s;
    const product = matmulKernel(
      x,
      { batch: 0, row: inner, column: 1 },
      weight,
      { batch: 0, row: 1, column: inner },
      { batch: 1, m: z.n, n: z.k, k: inner },
      bias ?? undefined,
    );
    const result = product.view([z.n, z.k, 1, 1]);
    product.dispose();
    return result;
  }
  if (onThin(x.device, z)) return forwardOfThin(x, weight, bias, z);
  const form = winogradFormOf(x.device, z);
  if (form) return winogradForward(x, weight, bias, z, form);
  if (onTextures(x.device, 'forward', z)) return forwardOnTextures(x, weight, bias, z);
  const y = empty([z.n, z.k, z.p, z.q], { device: x.device });
  gemm(x.device, {
    name: 'conv_forward',
    files: files('conv/forward.wgsl'),
    constants: { ...constantsOf(z), HAS_BIAS: bias !== null },
    params: paramsOf(z, 1),
    reads: [weight.range, x.range, (bias ?? weight).range],
    output: y.range,
    ...sizesOf('forward', z),
    quads: ((z.c / z.groups) * z.r * z.s) % 4 === 0 ? 'inner' : null,
  });
  return y;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The x-shaped product of gy and w: the gradient in x, and the transposed convolution of gy (then with a bias). */
export function convInputGradient(gy: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
  const { device } = gy;
  if (onHead(device, z) && bias === null) return inputGradientOfHead(gy, weight, z);
  if (isOuterProduct(z) && bias === null) {
    // One output position: gx[n, (c, r, s)] = Σ_k gy[n, k] w[k, (c, r, s)]. The general form would multiply mostly zeros.
    const columns = z.c * z.r * z.s;
    const product = matmulKernel(
      gy,
      { batch: 0, row: z.k, column: 1 },
      weight,
      { batch: 0, row: columns, column: 1 },
      { batch: 1, m: z.n, n: columns, k: z.k },
    );
    const result = product.view([z.n, z.c, z.h, z.w]);
    product.dispose();
    return result;
  }
  if (onThin(device, z)) return inputGradientOfThin(gy, weight, bias, z);
  const form = winogradFormOf(device, z);
  if (form) return winogradInputGradient(gy, weight, bias, z, form);
  if (onTextures(device, 'inputGradient', z)) return inputGradientOnTextures(gy, weight, bias, z);
  const gx = empty([z.n, z.c, z.h, z.w], { device });
  const step = z.stride.map((stride, i) => stride / gcd(stride, z.dilation[i]!));
  gemm(device, {
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
    ...sizesOf('inputGradient', z),
  });
  return gx;
}

/** The w-shaped product of x and gy: the gradient in the weight. */
export function convWeightGradient(x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
  const { device } = x;
  if (onHead(device, z)) return weightGradientOfHead(x, gy, z);
  if (isOuterProduct(z)) {
    // gw[k, (c, r, s)] = Σ_n gy[n, k] x[n, (c, r, s)]
    const columns = z.c * z.r * z.s;
    const product = matmulKernel(
      gy,
      { batch: 0, row: 1, column: z.k },
      x,
      { batch: 0, row: columns, column: 1 },
      { batch: 1, m: z.k, n: columns, k: z.n },
    );
    const result = product.view([z.k, z.c, z.r, z.s]);
    product.dispose();
    return result;
  }
  if (onThin(device, z)) return weightGradientOfThin(x, gy, z);
  const form = winogradFormOf(device, z);
  if (form) return winogradWeightGradient(x, gy, z, form);
  if (onTextures(device, 'weightGradient', z)) return weightGradientOnTextures(x, gy, z);
  const { m, n, batch, macs } = sizesOf('weightGradient', z);
  const splits = innerSplits(device, m, n, batch, z.n * z.p * z.q);
  const shape = [z.k, z.c / z.groups, z.r, z.s];
  const parts = empty([splits, ...shape], { device });
  gemm(device, {
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
  if (splits === 1) {
    const only = parts.view(shape);
    parts.dispose();
    return only;
  }
  const total = reduce('sum', parts, [0], false);
  parts.dispose();
  return total;
}
