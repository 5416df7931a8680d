// Which strides and paddings a kernel may have, and how usual each choice is. A cost of 0 is what most
// published networks do; costs of a network's layers add up, and the cheapest reading comes first.

/** One way to pass a layer: the size after it, and what it costs to believe it. */
export interface SizeChoice {
  readonly stride: number;
  readonly padding: number;
  readonly outputPadding: number;
  readonly size: number;
  readonly cost: number;
}

const LARGEST = 1024;

/** What is known of a network's other transposed convolutions. */
export interface Neighbours {
  /** No layer has padding; then that is usual. */
  readonly bare: boolean;
  /** There are kernels of other sizes, even ones among them. */
  readonly mixed: boolean;
  /** The first convolution behind Linear layers. */
  readonly afterLinear: boolean;
}

/** A transposed convolution of a square kernel on a picture of `size`. */
export function transposedChoices(kernel: number, size: number, near: Neighbours): SizeChoice[] {
  const choices: SizeChoice[] = [];
  for (let stride = 1; stride <= 4; stride++) {
    // On one pixel every stride does the same: the kernel is the result.
    if (size === 1 && stride > 1) break;
    for (let padding = 0; padding <= Math.max(2, kernel - 1); padding++) {
      for (let outputPadding = 0; outputPadding < stride; outputPadding++) {
        const out = (size - 1) * stride - 2 * padding + kernel + outputPadding;
        if (out < 1 || out > LARGEST) continue;
        if (near.bare && (padding > 0 || outputPadding > 0 || stride > 2)) continue;
        const cost = near.bare
          ? 0.2
          : transposedCost({ kernel, stride, padding, outputPadding, size, out, ...near });
        choices.push({ stride, padding, outputPadding, size: out, cost });
      }
    }
  }
  return choices;
}

interface Transposed extends Neighbours {
  kernel: number;
  stride: number;
  padding: number;
  outputPadding: number;
  size: number;
  out: number;
}

function transposedCost(given: Transposed): number {
  const { kernel, stride, padding, outputPadding, size, out, mixed, afterLinear } = given;
  if (size === 1) return padding === 0 ? 0 : 1.2 + padding;
  if (stride > 1 && out === stride * size) {
    // Kernels of twice the stride: 4×4 by 2, 8×8 by 4.
    const usual = kernel === 2 * stride ? 0 : stride === 2 ? (kernel > 6 ? 0.5 : 0) : 2.2;
    // An odd kernel doubles with one row added (3×3 padding 1, 5×5 padding 2), an even one without.
    if (outputPadding === 0) return usual;
    return outputPadding === 1 && kernel % 2 === 1 ? usual + 0.3 : 4;
  }
  if (outputPadding > 0) return 4;
  if (stride === 1) {
    if (kernel % 2 === 1 && out === size) return afterLinear ? 0.4 : 0.5;
    if (padding === 0) return 0.8;
    // A last 1×1 kernel that cuts a frame off: 32×32 to 28×28 (padding 2).
    return kernel === 1 ? 1.2 : 2;
  }
  // One 3×3 among 4×4 kernels: 4×4 to 7×7, on the way to 28×28.
  if (mixed && kernel === 3 && stride === 2 && padding === 1 && size === 4) return 0.2;
  if (stride === 2 && padding === 0) return 0.72;
  // One padding changed, as in many networks that make 28×28 of the example's 32×32.
  if (stride === 2 && kernel === 4) return padding === 3 ? 0.7 : 0.75;
  return stride === 2 ? 1.2 : 3;
}

/** A convolution of a square kernel on a picture of `size` in a generator, where it keeps the size. */
export function keepingChoices(kernel: number, size: number): SizeChoice[] {
  const choices: SizeChoice[] = [];
  for (let padding = 0; padding < kernel; padding++) {
    const out = size + 2 * padding - kernel + 1;
    if (out < 1 || out > LARGEST) continue;
    const cost = out === size ? 0 : padding === 0 ? 1.5 : 2.5;
    choices.push({ stride: 1, padding, outputPadding: 0, size: out, cost });
  }
  return choices;
}

/** A convolution of a square kernel in a discriminator, where it halves the size, or is the last and takes it whole. */
export function halvingChoices(kernel: number, size: number): SizeChoice[] {
  const choices: SizeChoice[] = [];
  for (let stride = 1; stride <= 2; stride++) {
    for (let padding = 0; padding < Math.max(1, kernel - 1); padding++) {
      const out = Math.floor((size + 2 * padding - kernel) / stride) + 1;
      if (size + 2 * padding < kernel || out < 1) continue;
      let cost = 2;
      if (kernel === size && padding === 0) cost = stride === 1 ? 0 : 0.5;
      else if (stride === 2 && out === Math.ceil(size / 2))
        cost = 2 * padding + 2 >= kernel && 2 * padding < kernel ? 0 : 1.5;
      else if (stride === 1 && out === size) cost = 0.4;
      else if (padding === 0) cost = 1;
      choices.push({ stride, padding, outputPadding: 0, size: out, cost });
    }
  }
  return choices;
}

const USUAL_SIZES = [28, 32, 64, 128, 256];
const KNOWN_SIZES = [16, 512, 1024];

/** How unusual a picture of this size is. */
export function imageSizeCost(size: number): number {
  if (USUAL_SIZES.includes(size)) return 0;
  if (KNOWN_SIZES.includes(size)) return 0.3;
  if (size % 16 === 0) return 1;
  return size % 4 === 0 ? 2 : 3;
}

/** Picture sizes at which a discriminator is tried. */
export const TRIED_SIZES: readonly number[] = [
  28, 32, 64, 128, 256, 16, 48, 96, 8, 24, 36, 40, 56, 80, 112, 160, 192, 224, 512, 1024,
];
