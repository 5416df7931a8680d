/**
 * Draws of convolutions and matrix products, for each algorithm those that it supports. What is compiled in
 * (kernel size, stride, padding, dilation, and the sizes of large convolutions) comes from a few windows that
 * a run draws first, as compiling takes most of the time of a small product; all else is free.
 */
import { matmulSizes } from '../../reference/matmul.ts';
import { Draw, seedOf } from '../draw.ts';
import type { Call, OpCases } from '../op-cases.ts';
import { real } from '../values.ts';
import { algorithmOf, servesConvolution, type Variant } from '../variants.ts';

/** Products of three of these, and Winograd's sums of them, stay within float32. */
const values = real({ exponents: [-35, 35] });

/** How a kernel slides; pairs are (height, width). */
interface Window {
  readonly kernel: [number, number];
  readonly stride: [number, number];
  readonly padding: [number, number];
  readonly dilation: [number, number];
  /** Input channels, where they are compiled in. */
  readonly channels?: number;
}

/**
 * Windows of a run, by what compiling their kernels costs; where little is compiled in, each convolution has its own.
 */
function windowsOf(variant: Variant): number {
  if (algorithmOf(variant)?.compilesSlowly) return 3;
  if (variant === 'few-channels') return 8;
  return servesAll(variant) ? 16 : Number.POSITIVE_INFINITY;
}

/** Whether a variant serves convolutions of all kinds. */
function servesAll(variant: Variant): boolean {
  const pair = [3, 1] as const;
  const sizes = { n: 2, c: 4, h: 12, w: 9, k: 6, r: 2, s: 3, p: 4, q: 7, groups: 2 };
  return servesConvolution(variant, { ...sizes, stride: pair, padding: [1, 0], dilation: [2, 1] });
}

function anyWindow(d: Draw): Window {
  const most = d.small ? 3 : 5;
  const kernel = d.pair(() => (d.chance(0.2) ? 1 : d.int(1, most)));
  // Strides over the kernel and padding over the input are rare in networks, and where indices go wrong.
  const stride = d.pair(() => (d.chance(0.15) ? d.int(4, 6) : d.int(1, 3)));
  const padding = d.pair(() => (d.chance(0.15) ? d.int(3, 6) : d.int(0, 2)));
  return { kernel, stride, padding, dilation: d.chance(0.6) ? [1, 1] : d.pair(() => d.int(1, 3)) };
}

/** Square kernels of so many taps a phase of the stride. */
function squareWindow(d: Draw): Window {
  const [taps, stride] = [d.int(2, 4), d.int(1, 3)];
  const kernel = d.int((taps - 1) * stride + 1, taps * stride);
  const padding = d.pair(() => d.int(0, (taps - 1) * stride));
  return { kernel: [kernel, kernel], stride: [stride, stride], padding, dilation: [1, 1] };
}

/** Few weights an output channel. */
function smallWindow(d: Draw): Window {
  const kernel = d.pair(() => d.int(1, 5));
  const channels = d.int(1, Math.floor(48 / (kernel[0] * kernel[1])));
  const padding: [number, number] = [d.int(0, kernel[0] - 1), d.int(0, kernel[1] - 1)];
  return { kernel, stride: d.pair(() => d.int(1, 2)), padding, dilation: [1, 1], channels };
}

interface Sizes extends Window {
  n: number;
  c: number;
  k: number;
  groups: number;
  h: number;
  w: number;
}

const slid = (size: number, z: Window, i: 0 | 1): number =>
  Math.floor((size + 2 * z.padding[i] - z.dilation[i] * (z.kernel[i] - 1) - 1) / z.stride[i]) + 1;

function macs(z: Sizes): number {
  const area = z.kernel[0] * z.kernel[1] * Math.max(1, slid(z.h, z, 0)) * Math.max(1, slid(z.w, z, 1));
  return (z.n * z.c * z.k * area) / z.groups;
}

/** Multiply-adds from which sizes are compiled in, and from which the rules take each of the fast paths. */
const large = 2 ** 22;

/** Shapes of a run that are large enough for the rules to choose by. */
const largeShapes: readonly Omit<Sizes, 'groups'>[] = [
  { n: 9, c: 17, h: 33, w: 31, k: 33, kernel: [4, 4], stride: [2, 2], padding: [1, 1], dilation: [1, 1] },
  { n: 3, c: 33, h: 18, w: 17, k: 65, kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1] },
  { n: 4, c: 16, h: 21, w: 20, k: 31, kernel: [5, 3], stride: [1, 2], padding: [2, 1], dilation: [2, 1] },
  { n: 31, c: 3, h: 33, w: 32, k: 17, kernel: [4, 4], stride: [2, 2], padding: [1, 1], dilation: [1, 1] },
];

/** A convolution that a variant serves. Draws until one is: proposals are of the kinds that algorithms are made for. */
function sizesOf(d: Draw, variant: Variant, seed: number): Sizes {
  if (!d.small && d.chance(0.004)) {
    const able = largeShapes.map((z) => ({ ...z, groups: 1 })).filter((z) => serves(variant, z));
    if (able.length > 0) return d.pick(able);
  }
  const windows = d.small ? Number.POSITIVE_INFINITY : windowsOf(variant);
  if (servesAll(variant)) {
    if (windows === Number.POSITIVE_INFINITY) return sizesFor(d, anyWindow(d), d.chance(0.3));
    const window = anyWindow(new Draw(seedOf(seed, 'window', variant, d.int(0, windows - 1))));
    return sizesFor(d, window, d.chance(0.3));
  }
  const from =
    windows === Number.POSITIVE_INFINITY
      ? d
      : new Draw(seedOf(seed, 'window', variant, d.int(0, windows - 1)));
  for (let tries = 0; tries < 1000; tries++) {
    const propose = from.pick([anyWindow, squareWindow, smallWindow, headOf]);
    const proposed = propose(from);
    const z = 'groups' in proposed ? (proposed as Sizes) : sizesFor(d, proposed, false);
    if (serves(variant, z)) return z;
  }
  throw new Error(`No convolution was found that ${variant} serves.`);
}

function serves(variant: Variant, { kernel: [r, s], ...z }: Sizes): boolean {
  const [p, q] = [slid(z.h, { kernel: [r, s], ...z }, 0), slid(z.w, { kernel: [r, s], ...z }, 1)];
  return servesConvolution(variant, { ...z, r, s, p, q });
}

function sizesFor(d: Draw, window: Window, grouped: boolean): Sizes {
  const groups = grouped ? d.int(2, 4) : 1;
  const each = (most: number) => (grouped ? d.int(1, 4) : d.size(most));
  const edge = (i: 0 | 1) =>
    Math.max(1, window.dilation[i] * (window.kernel[i] - 1) + 1 - 2 * window.padding[i]);
  const z: Sizes = {
    ...window,
    groups,
    n: d.pick([1, 1, 2, 3, 5]),
    c: groups * (window.channels ?? each(65)),
    k: groups * each(window.channels ? 70 : 65),
    h: edge(0) + (d.small ? d.int(0, 3) : d.size(33) - 1),
    w: edge(1) + (d.small ? d.int(0, 3) : d.size(33) - 1),
  };
  // The reference multiplies one by one: most products are small.
  const most = d.small ? 2000 : d.chance(0.05) ? large / 8 : 30_000;
  while (macs(z) > most) {
    const { n, h, w } = z;
    if (n > 1) z.n--;
    else if (h > edge(0) + 2 && h >= w) z.h = Math.max(edge(0), h >> 1);
    else if (w > edge(1) + 2) z.w = Math.max(edge(1), w >> 1);
    else if (z.k >= z.c && z.k > groups) z.k = groups * Math.max(1, (z.k / groups / 2) | 0);
    else if (!window.channels && z.c > groups) z.c = groups * Math.max(1, (z.c / groups / 2) | 0);
    else break;
  }
  return z;
}

/** A logit head: one output that sees the whole of x. */
function headOf(d: Draw): Sizes {
  const kernel = d.pick<[number, number]>([
    [4, 4],
    [2, 2],
    [2, 6],
    [1, 4],
    [8, 1],
    [3, 4],
  ]);
  const [h, w] = kernel;
  const plain = { stride: d.pair(() => d.int(1, 2)), padding: [0, 0], dilation: [1, 1] } as const;
  return {
    ...plain,
    padding: [0, 0],
    dilation: [1, 1],
    kernel,
    h,
    w,
    n: d.size(),
    c: d.size(40),
    k: 1,
    groups: 1,
  };
}

function convolution(transposed: boolean): OpCases {
  return {
    elements: () => false,
    terms({ inputs: [x, w], args }) {
      const { groups } = args as { groups: number };
      const [k, c, r, s] = w!.shape as [number, number, number, number];
      const [n, , h, width] = x!.shape as [number, number, number, number];
      return Math.max(c * r * s, (k / groups) * r * s, n * h * width);
    },
    draw(d, variant, seed) {
      const z = sizesOf(d, variant, seed);
      const { stride, padding, dilation, groups } = z;
      const weight = values(d, [z.k, z.c / groups, ...z.kernel]);
      // The compensated algorithm is for products alone.
      const bias = variant !== 'compensated' && d.chance(0.5);
      if (!transposed) {
        const x = values(d, [z.n, z.c, z.h, z.w]);
        const args = { stride, padding, dilation, groups };
        return { args, inputs: [x, weight, ...(bias ? [values(d, [z.k])] : [])] };
      }
      // The transposed one goes from the outputs of the plain one, [n, k, p, q], to its inputs.
      const [p, q] = [slid(z.h, z, 0), slid(z.w, z, 1)];
      const rest = (size: number, out: number, i: 0 | 1) =>
        size - ((out - 1) * stride[i] - 2 * padding[i] + dilation[i] * (z.kernel[i] - 1) + 1);
      const outputPadding = [rest(z.h, p, 0), rest(z.w, q, 1)];
      const args = { stride, padding, dilation, groups, outputPadding };
      const x = values(d, [z.n, z.k, p, q]);
      return { args, inputs: [x, weight, ...(bias ? [values(d, [z.c])] : [])] };
    },
  };
}

/** Sizes of a product: mostly small, some an inner axis that is split, some large enough to be tiled by rule. */
function productSizes(d: Draw): [m: number, k: number, n: number] {
  if (d.small) return [d.int(1, 4), d.int(1, 4), d.int(1, 4)];
  if (d.chance(0.01)) return [d.pick([64, 65, 130]), d.pick([129, 128, 127]), d.pick([127, 128, 129])];
  if (d.chance(0.1)) return [d.size(5), d.pick([255, 256, 257, 1031]), d.size(5)];
  const sizes: [number, number, number] = [d.size(), d.size(), d.size()];
  while (sizes[0] * sizes[1] * sizes[2] > 60_000) sizes[d.int(0, 2)] = d.size(17);
  return sizes;
}

export const products = {
  conv2d: convolution(false),
  convTranspose2d: convolution(true),
  matmul: {
    elements: () => false,
    terms({ inputs: [x, y] }) {
      // Of an operand that all products share, the gradient is a sum over them too.
      const { m, k, n, batches } = matmulSizes(x!.shape, y!.shape);
      const shared = batches.length / Math.min(x!.data.length / (m * k), y!.data.length / (k * n));
      return Math.max(k, m * shared, n * shared);
    },
    draw(d): Call {
      const [m, k, n] = productSizes(d);
      const batch = m * k * n > 20_000 ? [] : Array.from({ length: d.int(0, 2) }, () => d.int(1, 4));
      const vector = d.chance(0.15) ? d.int(1, 3) : 0;
      // The low bits of `vector` make either operand 1-D.
      const x = vector & 1 ? [k] : [...d.broadcastable(batch), m, k];
      const y = vector & 2 ? [k] : [...d.broadcastable(batch), k, n];
      return { args: {}, inputs: [values(d, x), values(d, y)] };
    },
  },
  linear: {
    elements: () => false,
    terms: ({ inputs: [x, w] }) => Math.max(x!.data.length / x!.shape.at(-1)!, ...w!.shape),
    draw(d, variant): Call {
      const [m, k, n] = productSizes(d);
      const lead = d.pick([[], [m], [m], [m], [2, m], [1, m, 1]]);
      const bias = variant !== 'compensated' && d.chance(0.5);
      return {
        args: {},
        inputs: [values(d, [...lead, k]), values(d, [n, k]), ...(bias ? [values(d, [n])] : [])],
      };
    },
  },
} satisfies Record<string, OpCases>;
