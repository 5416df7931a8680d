/** What `pnpm verify` has found to be wrong, mended since: the smallest call that shows each. */
import type { Device } from '@forger/tensor';
import { expect, test } from 'vitest';
import { type Ref, ref } from '../reference/array.ts';
import { type ReferenceOpName, referenceOp } from '../reference/index.ts';
import { useDevice } from '../support/device.ts';
import { drawSample } from './cases.ts';
import { Draw, type Kind } from './draw.ts';
import { verifyCase } from './run.ts';

let device: Device;
useDevice((opened) => {
  device = opened;
});

const row = (...values: number[]): Ref => ref([values.length], values.map(Math.fround));
const infinity = Number.POSITIVE_INFINITY;

interface Found {
  readonly op: ReferenceOpName;
  readonly what: string;
  readonly inputs: Ref[];
  readonly args?: object;
  readonly kind?: Kind;
}

const found: readonly Found[] = [
  {
    op: 'gelu',
    what: 'the lower tail had the absolute error of 1 + erf: half its digits at -4, all at -6',
    inputs: [row(-2, -3, -4, -5, -6, -8, -10, 3)],
  },
  {
    op: 'gelu',
    what: 'gradients beyond 1e19 were 0 · ∞',
    inputs: [row(1e20, -1e20, 3e38)],
    kind: 'magnitudes',
  },
  {
    op: 'sigmoid',
    what: 'near 0 the second derivative was the rounding of 1 - 2s',
    inputs: [row(1e-4, -1e-6, 1e-20, 0.01)],
  },
  {
    op: 'sqrt',
    what: 'the second derivative took x·√x below the least number',
    inputs: [row(6e-26)],
  },
  {
    op: 'softmax',
    what: 'beside an infinity all else came out as 0, as if the line were sound',
    inputs: [ref([2, 3], [1, infinity, 2, 1, 2, 3])],
    args: { dim: 1 },
    kind: 'special',
  },
  {
    op: 'crossEntropy',
    what: 'an infinite logit of another class gave an infinite loss, not NaN',
    inputs: [ref([1, 3], [1, infinity, 2])],
    args: { labels: [0], reduction: 'mean' },
    kind: 'special',
  },
  {
    op: 'bceWithLogits',
    what: 'an infinite logit was ∞ - ∞',
    inputs: [row(infinity, -infinity, 1), row(0.75, 0.25, 0.5)],
    args: { reduction: 'none' },
    kind: 'special',
  },
  {
    op: 'elu',
    what: 'the gradient at NaN was that at 0',
    inputs: [row(Number.NaN, 1, -1)],
    args: { alpha: 2 },
    kind: 'special',
  },
  {
    op: 'relu',
    what: 'the gradient at NaN was 0, not 1 as in PyTorch',
    inputs: [row(Number.NaN, 1, -1)],
    kind: 'special',
  },
  {
    op: 'batchNorm',
    what: 'second derivatives of groups of two were the rounding of what cancels in them',
    inputs: [
      ref([1, 3, 2], [0.5, 1.5, -2, 2.25, 0.3, 0.1].map(Math.fround)),
      row(0.7, -1.2, 0.4),
      row(0.1, 0.2, -0.3),
    ],
    args: { training: true, affine: true, runningStats: false, momentum: 0.1, eps: 1e-5 },
  },
];

test.each(found)('$op: $what', async ({ op, inputs, args = {}, kind = 'smooth' }) => {
  // The upstream gradient and the direction are drawn, as for any case.
  const d = new Draw(1, kind);
  const y = referenceOp(op).forward(inputs, args);
  const normal = (x: Ref) => d.values(x.shape, (i) => (kind === 'magnitudes' ? x.data[i]! : 1) * d.normal());
  const sample = {
    inputs,
    args,
    gy: d.values(y.shape, () => d.normal()),
    v: inputs.map(normal),
    wanted: [...inputs.keys()],
  };
  const { wrong, worst } = await verifyCase(device, {
    op,
    variant: 'software',
    kind,
    seed: 0,
    index: 0,
    sample,
  });
  expect(wrong, `${worst.what} is off by ${worst.units} units: ${worst.at}`).toBe(false);
});

test('a draw is the same for the same seed', () => {
  const draw = () => drawSample('conv2d', 'software', new Draw(3), 1);
  expect(draw()).toEqual(draw());
});
