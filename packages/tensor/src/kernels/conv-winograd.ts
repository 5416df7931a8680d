// The three products of a convolution by Winograd's method, for software adapters: tiles of the operands are taken to
// points where a convolution is a plain product, all points are multiplied in one batched matrix product, and the result is
// taken back. The transforms are linear, so the gradients are the same transforms transposed, and each operand is
// transformed once for both products that it takes part in.
//
// A stride of 2 splits the input and the weight into four phases, dense convolutions whose results add up: their channels
// follow each other on the inner axis. So a 4×4 convolution of stride 2 needs 25 products for 4×4 outputs where
// the plain one needs 256 / 4, and nothing is multiplied by the zeros of the stride.
import type { Device } from '../device/device.ts';
import { ConfigError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import type { ConvSizes } from './conv.ts';
import { forcedCore, type GemmCore, supportsCore } from './gemm.ts';
import {
  fitsPoints,
  fromPoints,
  matrixOf,
  type Operand,
  texelsOf,
  toPoints,
  type WinogradForm,
} from './points.ts';
import { texelProduct } from './texel-product.ts';

export type WinogradCore = 'f2x2' | 'f3x2' | 'f4x2' | 'f2x3';

/**
 * The forms by name. Largest error relative to the largest result, for 32 to 256 channels: f4x2 1e-6 to 8e-6, f2x2 and f3x2
 * 5e-7 to 4e-6, the direct kernels 3e-7 to 3e-6 (against the compensated and the plain core; `pnpm bench kernels` prints
 * them). f2x3 is only held to 64 units of roundoff at small sizes (test/gemm.test.ts).
 */
const forms: Readonly<Record<WinogradCore, WinogradForm>> = {
  f2x2: { file: 'winograd/f2x2.wgsl', outputs: 2, taps: 2 },
  f3x2: { file: 'winograd/f3x2.wgsl', outputs: 3, taps: 2 },
  f4x2: { file: 'winograd/f4x2.wgsl', outputs: 4, taps: 2 },
  f2x3: { file: 'winograd/f2x3.wgsl', outputs: 2, taps: 3 },
};

export const winogradCores = Object.keys(forms) as readonly WinogradCore[];

const isWinograd = (core: GemmCore): core is WinogradCore => core in forms;

/** Multiply-adds of a product below which its three or four dispatches are not worth it. */
const leastMacs = 2 ** 22;

const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

function operandsOf(z: ConvSizes, form: WinogradForm): Record<'input' | 'output' | 'weight', Operand> {
  const tiles = [ceilDiv(z.p, form.outputs), ceilDiv(z.q, form.outputs)] as const;
  const [stride] = z.stride;
  const whole = { tiles: [1, 1], padding: [0, 0] } as const;
  return {
    input: { role: 'input', images: z.n, channels: z.c, h: z.h, w: z.w, tiles, padding: z.padding, stride },
    output: { ...whole, role: 'output', images: z.n, channels: z.k, h: z.p, w: z.q, tiles, stride: 1 },
    weight: { ...whole, role: 'weight', images: z.k, channels: z.c, h: z.r, w: z.s, stride },
  };
}

/** Whether a form can do it: square kernels and strides of as many taps, one group, no dilation, within a texture. */
function fits(device: Device, z: ConvSizes, form: WinogradForm): boolean {
  const [stride] = z.stride;
  if (z.groups !== 1 || z.dilation[0] !== 1 || z.dilation[1] !== 1) return false;
  if (z.r !== z.s || z.stride[1] !== stride || ceilDiv(z.r, stride) !== form.taps) return false;
  // A block of the input begins within its tile (from_points.wgsl).
  if (z.padding.some((padding) => ceilDiv(padding, stride) > form.taps - 1)) return false;
  return Object.values(operandsOf(z, form)).every((o) => fitsPoints(device, o, form));
}

/**
 * What the three products of a layer cost together, in nanoseconds of two cores as measured with lavapipe 25.0: a value that
 * is packed, 1.2; a multiply-add, 0.028 (71 GFLOP/s). Only comparisons matter.
 */
const perValue = 1.2;
const perMac = 0.028;

function winogradCost(z: ConvSizes, form: WinogradForm): number {
  const { input, output, weight } = operandsOf(z, form);
  const values = [input, output, weight].reduce((sum, o) => sum + 4 * texelsOf(matrixOf(o, form)), 0);
  const [{ batch, quads: inner, length: tiles }, { quads: rows }] = [
    matrixOf(input, form),
    matrixOf(output, form),
  ];
  const macs = 3 * batch * 4 * inner * ceilDiv(4 * rows, 16) * 16 * tiles;
  return 2 * values * perValue + macs * perMac;
}

function directCost(z: ConvSizes): number {
  const values = 2 * (z.n * z.c * z.h * z.w + z.n * z.k * z.p * z.q + z.k * z.c * z.r * z.s);
  return values * perValue + 3 * z.n * z.k * z.p * z.q * z.c * z.r * z.s * perMac;
}

/** The form that a convolution takes, the same for its three products; null for the direct kernels. */
export function winogradFormOf(device: Device, z: ConvSizes): WinogradForm | null {
  const forced = forcedCore();
  if (forced) {
    if (!isWinograd(forced) || !fits(device, z, forms[forced])) return null;
    if (!supportsCore(device, forced)) throw new ConfigError(`This adapter cannot run the ${forced} core.`);
    return forms[forced];
  }
  if (!device.adapter.software || !supportsCore(device, 'f4x2')) return null;
  if (Math.min(z.c, z.k) < 8 || z.n * z.k * z.p * z.q * z.c * z.r * z.s < leastMacs) return null;
  let [best, least]: [WinogradForm | null, number] = [null, directCost(z)];
  for (const form of Object.values(forms)) {
    const cost = fits(device, z, form) ? winogradCost(z, form) : Number.POSITIVE_INFINITY;
    if (cost < least) [best, least] = [form, cost];
  }
  return best;
}

/** y = conv(x, w) + bias. */
export function winogradForward(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  z: ConvSizes,
  form: WinogradForm,
): Tensor {
  const operands = operandsOf(z, form);
  const w = { ...toPoints(weight, operands.weight, form), along: 'inner' } as const;
  const d = { ...toPoints(x, operands.input, form), along: 'inner' } as const;
  return fromPoints(operands.output, form, bias, x, (y) =>
    texelProduct(x.device, 'winograd_forward', w, d, y),
  );
}

/** The x-shaped product of gy and w. */
export function winogradInputGradient(
  gy: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  z: ConvSizes,
  form: WinogradForm,
): Tensor {
  const operands = operandsOf(z, form);
  const w = { ...toPoints(weight, operands.weight, form), along: 'outer' } as const;
  const g = { ...toPoints(gy, operands.output, form), along: 'inner' } as const;
  return fromPoints(operands.input, form, bias, gy, (gx) =>
    texelProduct(gy.device, 'winograd_input_gradient', w, g, gx),
  );
}

/** The w-shaped product of x and gy. */
export function winogradWeightGradient(x: Tensor, gy: Tensor, z: ConvSizes, form: WinogradForm): Tensor {
  const operands = operandsOf(z, form);
  const d = { ...toPoints(x, operands.input, form), along: 'outer' } as const;
  const g = { ...toPoints(gy, operands.output, form), along: 'outer' } as const;
  return fromPoints(operands.weight, form, null, x, (gw) =>
    texelProduct(x.device, 'winograd_weight_gradient', d, g, gw),
  );
}
