/** Draws of reductions, softmax and pooling: which dimensions, lines short and long, windows of all kinds. */
import { type Ref, sizeOf } from '../../reference/array.ts';
import type { Draw } from '../draw.ts';
import type { Call, OpCases } from '../op-cases.ts';
import { type Domain, distinct, real } from '../values.ts';

/** Long enough for sums in several parts of 512, with a remainder and without. */
const long = [511, 512, 513, 1024, 1025, 1300, 2100];

function reducedShape(d: Draw): number[] {
  if (d.small || d.chance(0.8)) return d.shape(1, 6);
  return d.shuffled([d.pick(long), d.int(1, 4), ...(d.chance(0.3) ? [1] : [])]);
}

function dimsOf(d: Draw, rank: number): { keepdim: boolean; dims?: number[] } {
  const keepdim = d.chance(0.5);
  if (d.chance(0.2)) return { keepdim };
  const dims = d.shuffled([...Array(rank).keys()]).slice(0, d.int(1, rank));
  return { keepdim, dims: d.chance(0.5) ? dims.map((dim) => dim - rank) : dims };
}

const terms = ({ inputs: [x] }: Call): number => sizeOf(x!.shape);
const compared = { elements: () => false, terms };

function reduction(domain: Domain, more: (d: Draw, count: number) => object = () => ({})): OpCases {
  return {
    ...compared,
    draw(d) {
      const shape = reducedShape(d);
      const args = dimsOf(d, shape.length);
      const count = (args.dims ?? [...shape.keys()]).reduce((n, dim) => n * shape.at(dim)!, 1);
      return { args: { ...args, ...more(d, count) }, inputs: [domain(d, shape)] };
    },
  };
}

export const largestOf = (x: Ref): number => x.data.reduce((most, v) => Math.max(most, Math.abs(v) || 0), 0);

/** With probabilities p, g − p·Σ g is taken of upstream gradients g, and of directions. */
export const cancelsInSoftmax: NonNullable<OpCases['cancels']> = ({ gy, v }) => {
  const [first, along] = [largestOf(gy), v[0] ? largestOf(v[0]) : 0];
  return { result: 0, first, second: along * Math.max(1, first) };
};

function lines(): OpCases {
  return {
    ...compared,
    cancels: cancelsInSoftmax,
    draw(d) {
      const isLong = !d.small && d.chance(0.15);
      const shape = isLong ? d.shuffled([d.pick([...long, 4097]), d.int(1, 3)]) : d.shape(1, 4);
      return {
        args: { dim: d.dim(shape.length) },
        inputs: [real({ exponents: [-40, 12], mixed: d.chance(0.5) })(d, shape)],
      };
    },
  };
}

interface Axis {
  kernel: number;
  stride: number;
  padding: number;
  dilation: number;
  size: number;
}

/** Whether the windows along an axis fit the image, and each holds a cell of it. */
function fits({ kernel, stride, padding, dilation, size }: Axis): boolean {
  const span = dilation * (kernel - 1) + 1;
  const count = Math.floor((size + 2 * padding - span) / stride) + 1;
  const holds = (at: number) =>
    Array.from({ length: kernel }, (_, tap) => at * stride - padding + tap * dilation).some(
      (cell) => cell >= 0 && cell < size,
    );
  return 2 * padding <= span && count >= 1 && Array.from({ length: count }, (_, at) => at).every(holds);
}

function axis(d: Draw, dilated: boolean): Axis {
  for (;;) {
    const kernel = d.int(1, d.small ? 3 : 5);
    const dilation = dilated && d.chance(0.3) ? d.int(2, 3) : 1;
    const padding = d.chance(0.5) ? 0 : d.int(0, Math.floor((dilation * (kernel - 1) + 1) / 2));
    const drawn = { kernel, stride: d.int(1, kernel + 2), padding, dilation, size: d.size(d.small ? 6 : 17) };
    if (fits(drawn)) return drawn;
  }
}

function pool(domain: Domain, of: 'max' | 'avg'): OpCases {
  return {
    elements: () => false,
    terms: ({ args }) => {
      const [r, s] = (args as { kernelSize: [number, number] }).kernelSize;
      return r * s;
    },
    draw(d) {
      const axes = [axis(d, of === 'max'), axis(d, of === 'max')];
      const each = (name: keyof Axis) => axes.map((one) => one[name]);
      const args = {
        kernelSize: each('kernel'),
        padding: each('padding'),
        ...(d.chance(0.8) && { stride: each('stride') }),
        ...(of === 'max' ? { dilation: each('dilation') } : { countIncludePad: d.chance(0.5) }),
      };
      // Left out, the stride is the kernel's size, for which the windows must fit too.
      if (!args.stride && !axes.every((one) => fits({ ...one, stride: one.kernel })))
        args.stride = each('stride');
      return { args, inputs: [domain(d, [d.int(1, 2), d.int(1, 3), ...each('size')])] };
    },
  };
}

export const reductions = {
  sum: reduction(real()),
  mean: reduction(real()),
  var: reduction(real({ exponents: [-50, 50] }), (d, count) => ({
    correction: count > 1 ? d.int(0, 1) : 0,
  })),
  max: reduction(distinct),
  min: reduction(distinct),
  softmax: lines(),
  logSoftmax: lines(),
  maxPool2d: pool(distinct, 'max'),
  avgPool2d: pool(real(), 'avg'),
  globalAvgPool2d: {
    ...compared,
    draw(d) {
      const most = d.small ? 4 : 33;
      return { args: {}, inputs: [real()(d, [d.int(1, 3), d.int(1, 3), d.size(most), d.size(most)])] };
    },
  },
} satisfies Record<string, OpCases>;
