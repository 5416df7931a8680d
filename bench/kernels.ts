// Throughput of each kernel at the shapes of a DCGAN, every algorithm beside the naive one, checked before it is timed.
import {
  add,
  batchNorm,
  type Ceilings,
  conv2d,
  convTranspose2d,
  type Device,
  grad,
  leakyRelu,
  matmul,
  permute,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import {
  type Algorithm,
  algorithms,
  algorithmsNamed,
  allowedUnits,
  type ConvProduct,
  convProblem,
  timeInterleaved,
  unitRoundoff,
} from '@forger/tensor/internal';
import { type BenchContext, type Benchmark, row } from './benchmark.ts';

interface KernelResult {
  readonly kernel: string;
  readonly shape: string;
  readonly variant: string;
  readonly milliseconds: number;
  readonly spread: readonly [number, number];
  /** 10⁹ operations a second for products, 10⁹ bytes a second for the rest. */
  readonly rate: number;
  readonly unit: 'GFLOP/s' | 'GB/s';
  readonly shareOfCeiling: number;
  /** Largest difference from the naive algorithm over its largest magnitude; null for the naive one itself. */
  readonly error: number | null;
}

interface ProductCase {
  kernel: string;
  shape: string;
  flop: number;
  /** Terms of its longest sum. */
  terms: number;
  /** The algorithms that have a kernel for it. */
  algorithms: readonly Algorithm[];
  run: () => Tensor;
}

const naive = algorithmsNamed('naive')[0]!;

/** By how much an algorithm's result may differ from the naive one's, relative to the largest magnitude. */
const allowedError = (algorithm: Algorithm, terms: number): number =>
  (allowedUnits(algorithm, terms) + allowedUnits(naive, terms)) * unitRoundoff;

function noise(shape: readonly number[]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  let state = 12345;
  const values = Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
  return tensor(values, shape).keep();
}

/** The three products of a 4×4, stride 2 convolution layer, called as operations and their gradients. */
function layerCases(n: number, c: number, h: number, k: number): ProductCase[] {
  return convCases([n, c, h, h], [k, c, 4, 4], { stride: 2, padding: 1 });
}

/** The three products of a logit head. */
function headCases(n: number, c: number): ProductCase[] {
  return convCases([n, c, 4, 4], [1, c, 4, 4], {});
}

function convCases(
  xShape: readonly number[],
  wShape: readonly number[],
  options: { stride?: number; padding?: number },
): ProductCase[] {
  const x = noise(xShape);
  const w = noise(wShape);
  const leaf = w.detach().requiresGrad_().keep();
  const output = conv2d(x, leaf, options).keep();
  const y = noise(output.shape);
  const [k, c] = wShape as [number, number];
  const flop = 2 * y.size * c * 16;
  const { stride = 1, padding = 0 } = options;
  const shape = `${xShape.join('×')}, ${k} filters 4×4 s${stride}`;
  const [n, , h, w_] = xShape as [number, number, number, number];
  const [, , p, q] = output.shape as [number, number, number, number];
  const z = {
    ...{ n, c, h, w: w_, k, r: 4, s: 4, p, q, groups: 1 },
    stride: [stride, stride] as const,
    padding: [padding, padding] as const,
    dilation: [1, 1] as const,
  };
  const able = (product: ConvProduct): readonly Algorithm[] =>
    timed(x.device).filter(({ convolution }) =>
      convolution?.supports(x.device, convProblem(product, z, false)),
    );
  return [
    {
      kernel: 'conv2d forward',
      shape,
      flop,
      terms: 16 * c,
      algorithms: able('forward'),
      run: () => conv2d(x, w, options),
    },
    {
      kernel: 'conv2d input gradient',
      shape,
      flop,
      terms: 16 * k,
      algorithms: able('inputGradient'),
      run: () => convTranspose2d(y, w, options),
    },
    {
      kernel: 'conv2d weight gradient',
      shape,
      flop,
      terms: n * p * q,
      algorithms: able('weightGradient'),
      run: () => grad(output, [leaf], { gradOutputs: [y] })[0],
    },
  ];
}

/** What the adapter can run, the naive algorithm first; the compensated one is for tests. */
function timed(device: Device): readonly Algorithm[] {
  const others = algorithms.filter(({ name }) => name !== 'naive' && name !== 'compensated');
  return [naive, ...others].filter((one) => one.runsOn(device));
}

function productCases(device: Device): ProductCase[] {
  const square = 512;
  const a = noise([square, square]);
  const b = noise([square, square]);
  return [
    {
      kernel: 'matmul',
      shape: `${square}×${square}×${square}`,
      flop: 2 * square ** 3,
      terms: square,
      algorithms: timed(device).filter(({ matmul }) => matmul),
      run: () => matmul(a, b),
    },
    ...layerCases(64, 1, 32, 32),
    ...layerCases(16, 3, 64, 64),
    ...layerCases(64, 32, 16, 64),
    ...layerCases(64, 64, 8, 128),
    ...layerCases(16, 64, 32, 128),
    ...headCases(64, 128),
    ...headCases(16, 512),
  ];
}

async function relativeDifference(a: Tensor, b: Tensor): Promise<number> {
  const [va, vb] = [await a.data(), await b.data()];
  let most = 0;
  let difference = 0;
  for (let i = 0; i < va.length; i++) {
    most = Math.max(most, Math.abs(vb[i]!));
    difference = Math.max(difference, Math.abs(va[i]! - vb[i]!));
  }
  return difference / most;
}

async function benchProducts(
  device: Device,
  ceilings: Ceilings,
  report: (r: KernelResult) => void,
): Promise<void> {
  for (const { kernel, shape, flop, terms, algorithms, run } of productCases(device)) {
    const expected = device.withAlgorithm('naive', run);
    const errors = new Map<string, number>();
    for (const algorithm of algorithms) {
      const { name } = algorithm;
      if (name === 'naive') continue;
      const result = device.withAlgorithm(name, run);
      const error = await relativeDifference(result, expected);
      if (!(error <= allowedError(algorithm, terms)))
        throw new Error(`${kernel} ${shape}: ${name} differs from the naive algorithm by ${error}.`);
      errors.set(name, error);
      result.dispose();
    }
    expected.dispose();
    const timings = await timeInterleaved(
      device,
      algorithms.map(({ name }) => () => {
        device.dropAllPacked(); // packing is part of the time, though a step shares it between products
        device.withAlgorithm(name, run);
      }),
    );
    for (const [i, { name }] of algorithms.entries()) {
      const { median, least, most } = timings[i]!;
      const rate = flop / median / 1e6;
      report({
        kernel,
        shape,
        variant: name,
        milliseconds: median,
        spread: [least, most],
        rate,
        unit: 'GFLOP/s',
        shareOfCeiling: rate / ceilings.gflops,
        error: errors.get(name) ?? null,
      });
    }
  }
}

/** Kernels that only move memory: bytes that must be read and written, over the time. */
async function benchStreams(
  device: Device,
  ceilings: Ceilings,
  report: (r: KernelResult) => void,
): Promise<void> {
  const shape = [64, 64, 32, 32];
  const x = noise(shape);
  const y = noise(shape);
  const channel = noise([64]);
  const bytes = x.bytes;
  const cases: [kernel: string, bytes: number, run: () => unknown][] = [
    ['leaky_relu', 2 * bytes, () => leakyRelu(x, 0.2)],
    ['add', 3 * bytes, () => add(x, y)],
    ['add with broadcasting', 2 * bytes, () => add(x, channel.view([64, 1, 1]))],
    ['sum over all', bytes, () => sum(x)],
    ['sum over N, H, W', bytes, () => sum(x, [0, 2, 3])],
    ['permute NCHW to NHWC', 2 * bytes, () => permute(x, [0, 2, 3, 1])],
    [
      'batch norm, training',
      3 * bytes,
      () => batchNorm(x, { weight: channel, bias: channel, training: true }),
    ],
  ];
  const timings = await timeInterleaved(
    device,
    cases.map(
      ([, , run]) =>
        () =>
          void run(),
    ),
  );
  for (const [i, [kernel, moved]] of cases.entries()) {
    const { median, least, most } = timings[i]!;
    const rate = moved / median / 1e6;
    report({
      kernel,
      shape: shape.join('×'),
      variant: 'plain',
      milliseconds: median,
      spread: [least, most],
      rate,
      unit: 'GB/s',
      shareOfCeiling: rate / ceilings.gbs,
      error: null,
    });
  }
}

const widths = [24, 34, 9, -9, -15, -13, -11, -9];

async function run(context: BenchContext): Promise<object> {
  const device = await context.device();
  const ceilings = await context.ceilings();
  const results: KernelResult[] = [];
  context.print(row(widths, ['kernel', 'shape', 'variant', 'ms', 'spread', 'rate', 'of ceiling', 'error']));
  const report = (r: KernelResult): void => {
    results.push(r);
    const cells = [
      r.milliseconds.toFixed(2),
      r.spread.map((t) => t.toFixed(2)).join('–'),
      `${r.rate.toFixed(2)} ${r.unit}`,
      `${(100 * r.shareOfCeiling).toFixed(1)}%`,
      r.error === null ? '' : r.error.toExponential(1),
    ];
    context.print(row(widths, [r.kernel, r.shape, r.variant, ...cells]));
  };
  await benchProducts(device, ceilings, report);
  await benchStreams(device, ceilings, report);
  return { ceilings, kernels: results };
}

export const kernels: Benchmark = {
  name: 'kernels',
  summary:
    "each kernel at a DCGAN's shapes: GFLOP/s or GB/s, share of the ceiling of this run, naive variant beside it",
  run,
};
