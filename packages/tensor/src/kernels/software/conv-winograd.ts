// The three products of a convolution by Winograd's method (Lavin & Gray, "Fast algorithms for convolutional
// neural networks", CVPR 2016): tiles of both operands are transformed so that their convolution becomes a
// product entry by entry, all entries are multiplied in one batched matrix product, and the result is
// transformed back. The transforms are linear, so the gradients are the same transforms transposed, and each
// operand is transformed once for both products that it takes part in.
//
// A stride of 2 splits the input and the weight into four phases, dense convolutions whose results add up:
// their channels follow each other on the inner axis. So a 4×4 convolution of stride 2 needs 25 products for
// 4×4 outputs where the plain one needs 256 / 4, and nothing is multiplied by the zeros of the stride.
import type { Device } from '../../device/device.ts';
import { type Algorithm, type ConvSizes, convMacs } from '../algorithm.ts';
import { hasSubgroups } from './gemm-subgroup.ts';
import { texelProduct } from './texel-product.ts';
import {
  fitsTransforms,
  inverseTransform,
  matrixOf,
  type Operand,
  texelsOf,
  transform,
  type WinogradForm,
} from './winograd-transforms.ts';

/**
 * F(outputs, taps) and what its transforms do to rounding: they add numbers up before they cancel, with
 * interpolation points at 0, 1, -1 and ∞ by factors of at most 2 between input and output, with one at 2 by
 * 8.
 */
const forms: readonly (WinogradForm & { readonly amplification: number })[] = [
  { file: 'winograd/f2x2.wgsl', outputs: 2, taps: 2, amplification: 2 },
  { file: 'winograd/f3x2.wgsl', outputs: 3, taps: 2, amplification: 2 },
  { file: 'winograd/f4x2.wgsl', outputs: 4, taps: 2, amplification: 8 },
  { file: 'winograd/f2x3.wgsl', outputs: 2, taps: 3, amplification: 2 },
];

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

/**
 * Whether a form serves a convolution: square kernels and strides of as many taps, one group, no dilation,
 * within a texture.
 */
function fits(device: Device, z: ConvSizes, form: WinogradForm): boolean {
  const [stride] = z.stride;
  if (z.groups !== 1 || z.dilation[0] !== 1 || z.dilation[1] !== 1) return false;
  if (z.r !== z.s || z.stride[1] !== stride || ceilDiv(z.r, stride) !== form.taps) return false;
  // A block of the input begins within its tile (inverse_transform.wgsl).
  if (z.padding.some((padding) => ceilDiv(padding, stride) > form.taps - 1)) return false;
  return Object.values(operandsOf(z, form)).every((o) => fitsTransforms(device, o, form));
}

/**
 * What the three products of a layer cost together, in nanoseconds of two cores as measured with lavapipe
 * 25.0: a value that is packed, 1.2; a multiply-add, 0.028 (71 GFLOP/s). Only comparisons matter.
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
  return values * perValue + 3 * convMacs(z) * perMac;
}

/**
 * The form that the rules take for a convolution, the same for its three products; null where the direct
 * kernels cost less.
 */
function cheapestForm(device: Device, z: ConvSizes): WinogradForm | null {
  if (Math.min(z.c, z.k) < 8 || convMacs(z) < leastMacs) return null;
  let [best, least]: [WinogradForm | null, number] = [null, directCost(z)];
  for (const form of forms) {
    const cost = fits(device, z, form) ? winogradCost(z, form) : Number.POSITIVE_INFINITY;
    if (cost < least) [best, least] = [form, cost];
  }
  return best;
}

/** An algorithm for each form. */
export const winograd: readonly Algorithm[] = forms.map(
  ({ amplification, ...form }): Algorithm => ({
    name: `winograd-f${form.outputs}x${form.taps}`,
    errorUnits: 32 * amplification,
    errorGrowth: amplification,
    specialValues: 'spread',
    shaders: [form.file],
    runsOn: hasSubgroups,
    convolution: {
      supports: (device, { z, matmul }) => matmul === null && fits(device, z, form),
      suits: (device, { z }) => cheapestForm(device, z)?.file === form.file,
      forward(x, weight, bias, z) {
        const operands = operandsOf(z, form);
        const w = { ...transform(weight, operands.weight, form), along: 'inner' } as const;
        const d = { ...transform(x, operands.input, form), along: 'inner' } as const;
        return inverseTransform(operands.output, form, bias, x, (y) =>
          texelProduct(x.device, 'winograd_forward', w, d, y),
        );
      },
      inputGradient(gy, weight, bias, z) {
        const operands = operandsOf(z, form);
        const w = { ...transform(weight, operands.weight, form), along: 'outer' } as const;
        const g = { ...transform(gy, operands.output, form), along: 'inner' } as const;
        return inverseTransform(operands.input, form, bias, gy, (gx) =>
          texelProduct(gy.device, 'winograd_input_gradient', w, g, gx),
        );
      },
      weightGradient(x, gy, z) {
        const operands = operandsOf(z, form);
        const d = { ...transform(x, operands.input, form), along: 'outer' } as const;
        const g = { ...transform(gy, operands.output, form), along: 'outer' } as const;
        return inverseTransform(operands.weight, form, null, x, (gw) =>
          texelProduct(x.device, 'winograd_weight_gradient', d, g, gw),
        );
      },
    },
  }),
);
