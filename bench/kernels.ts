// Throughput of each kernel at the shapes of a DCGAN, every variant beside the naive one, checked before it is timed.
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
  type GemmCore,
  gemmCores,
  supportsCore,
  timeInterleaved,
  withGemmCore,
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
  /** Largest difference from the naive variant over its largest magnitude; null for the naive one itself. */
  readonly error: number | null;
}

interface ProductCase {
  kernel: string;
  shape: string;
  flop: number;
  /** The variants that have a kernel for it. */
  cores: readonly GemmCore[];
  run: () => Tensor;
}

/** float32 sums in another order differ by rounding only; a wrong kernel differs by far more. */
const allowedError = 1e-4;

/** Operands in float16 err by 2^-11 each, which sums keep as they keep the products themselves. */
const allowedInHalf = 2 ** -10;

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
  // Winograd's forms for kernels of two taps a phase; the compensated core is for tests.
  const cores = gemmCores.filter(
    (core) => core !== 'compensated' && core !== 'f2x3' && (core !== 'thin' || c <= 3),
  );
  return convCases([n, c, h, h], [k, c, 4, 4], { stride: 2, padding: 1 }, cores);
}

/** The three products of a logit head. */
function headCases(n: number, c: number): ProductCase[] {
  return convCases([n, c, 4, 4], [1, c, 4, 4], {}, ['naive', 'thin']);
}

function convCases(
  xShape: readonly number[],
  wShape: readonly number[],
  options: { stride?: number; padding?: number },
  cores: readonly GemmCore[],
): ProductCase[] {
  const x = noise(xShape);
  const w = noise(wShape);
  const leaf = w.detach().requiresGrad_().keep();
  const output = conv2d(x, leaf, options).keep();
  const y = noise(output.shape);
  const [k, c] = wShape as [number, number];
  const flop = 2 * y.size * c * 16;
  const { stride = 1 } = options;
  const shape = `${xShape.join('×')}, ${k} filters 4×4 s${stride}`;
  return [
    { kernel: 'conv2d forward', shape, flop, cores, run: () => conv2d(x, w, options) },
    { kernel: 'conv2d input gradient', shape, flop, cores, run: () => convTranspose2d(y, w, options) },
    {
      kernel: 'conv2d weight gradient',
      shape,
      flop,
      cores,
      run: () => grad(output, [leaf], { gradOutputs: [y] })[0],
    },
  ];
}

function productCases(): ProductCase[] {
  const square = 512;
  const a = noise([square, square]);
  const b = noise([square, square]);
  return [
    {
      kernel: 'matmul',
      shape: `${square}×${square}×${square}`,
      flop: 2 * square ** 3,
      cores: ['naive', 'tiled', 'subgroup', 'uniform', 'matrix', 'texture'],
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
  for (const { kernel, shape, flop, cores: all, run } of productCases()) {
    const cores = all.filter((core) => supportsCore(device, core));
    const expected = withGemmCore('naive', run);
    const errors = new Map<GemmCore, number>();
    for (const core of cores) {
      if (core === 'naive') continue;
      const result = withGemmCore(core, run);
      const error = await relativeDifference(result, expected);
      if (!(error <= (core === 'matrix' ? allowedInHalf : allowedError)))
        throw new Error(`${kernel} ${shape}: the ${core} variant differs from the naive one by ${error}.`);
      errors.set(core, error);
      result.dispose();
    }
    expected.dispose();
    const timings = await timeInterleaved(
      device,
      cores.map((core) => () => {
        device.dropAllPacked(); // packing is part of the time, though a step shares it between products
        withGemmCore(core, run);
      }),
    );
    for (const [i, core] of cores.entries()) {
      const { median, least, most } = timings[i]!;
      const rate = flop / median / 1e6;
      report({
        kernel,
        shape,
        variant: core,
        milliseconds: median,
        spread: [least, most],
        rate,
        unit: 'GFLOP/s',
        shareOfCeiling: rate / ceilings.gflops,
        error: errors.get(core) ?? null,
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
