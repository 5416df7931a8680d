// Stage 4: what the adapter can reach, and how near the main kernels come: the products of a DCGAN's step at 64×64,
// width 64, batch 128, square matrix products, norms and Adam; by the rules first, then on every core there is time for.
import { recipes, TrainState } from '@forger/dcgan';
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
  measureCeilings,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { Draw } from '../../../test/verify/draw.ts';
import { relativeDifference } from '../edges.ts';
import { allowedDifference, type Core, onCore, timedCores } from '../forger.ts';
import { messageOf, type StageContext } from '../stage.ts';
import { once, timeOnDevice } from '../timing.ts';

/** One product of a layer, or a matrix product. */
interface Product {
  /** What is told of together. */
  readonly kind: string;
  readonly shape: string;
  readonly flop: number;
  readonly terms: number;
  readonly run: () => Tensor;
}

interface Timed {
  readonly core: Core | 'rules';
  readonly milliseconds: number;
  readonly spread: readonly [number, number];
  readonly gflops: number;
  readonly shareOfCeiling: number;
}

interface Measured extends Omit<Product, 'run'> {
  readonly times: Timed[];
}

const BATCH = 128;

/** Channels in, side, channels out of the convolutions of 4×4 kernels and stride 2 in both networks. */
const layers = [
  [3, 64, 64],
  [64, 32, 128],
  [128, 16, 256],
  [256, 8, 512],
] as const;

const squares = [512, 1024, 2048, 4096];

function noise(shape: readonly number[], device: Device): Tensor {
  const draw = new Draw(shape.length);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draw.uniform() - 0.5);
  return tensor(values, shape, { device }).keep();
}

/** The three products of a layer with 4×4 kernels. */
function* layerProducts(
  device: Device,
  name: string,
  xShape: readonly number[],
  filters: number,
  slide: { stride?: number; padding?: number },
): Iterable<Product> {
  const [n, c, h] = xShape as [number, number, number];
  const x = noise(xShape, device);
  const w = noise([filters, c, 4, 4], device);
  const leaf = w.detach().requireGrad().keep();
  const output = conv2d(x, leaf, slide).keep();
  const y = noise(output.shape, device);
  const side = output.shape[2]!;
  const flop = 2 * y.size * c * 16;
  const shape = `${name} ${n}×${c}×${h}×${h} → ${filters}`;
  yield { kind: 'forward', shape, flop, terms: 16 * c, run: () => conv2d(x, w, slide) };
  yield {
    kind: 'input gradient',
    shape,
    flop,
    terms: 16 * filters,
    run: () => convTranspose2d(y, w, slide),
  };
  yield {
    kind: 'weight gradient',
    shape,
    flop,
    terms: n * side * side,
    run: () => grad(output, [leaf], { gradOutputs: [y] })[0]!,
  };
  for (const t of [x, w, leaf, output, y]) t.dispose();
}

function* squareProducts(device: Device): Iterable<Product> {
  for (const side of squares) {
    const [a, b] = [noise([side, side], device), noise([side, side], device)];
    const flop = 2 * side ** 3;
    yield { kind: 'matmul', shape: `${side}³`, flop, terms: side, run: () => matmul(a, b) };
    for (const t of [a, b]) t.dispose();
  }
}

function* products(device: Device): Iterable<Product> {
  for (const [c, side, filters] of layers.toReversed())
    yield* layerProducts(device, '4×4 s2', [BATCH, c, side, side], filters, { stride: 2, padding: 1 });
  yield* squareProducts(device);
  yield* layerProducts(device, 'logit head', [BATCH, 512, 4, 4], 1, {});
  // A generator's first layer is the input gradient of a convolution that ends in one value.
  yield* layerProducts(device, 'first layer', [BATCH, 512, 4, 4], 100, {});
}

/** GFLOP/s that a core is taken to reach before it was seen: slow, so that nothing is begun that lasts. */
const UNSEEN_SHARE = 1 / 60;

/** Calls that a timing takes at least: two by themselves, and one a round. */
const LEAST_CALLS = 5;

class Kernels {
  readonly #context: StageContext;
  readonly #device: Device;
  readonly #ceilings: Ceilings;
  /** The slowest that each core was, in GFLOP/s. */
  readonly #slowest = new Map<Core | 'rules', number>();
  readonly measured: Measured[] = [];
  readonly leftOut: string[] = [];

  constructor(context: StageContext, device: Device, ceilings: Ceilings) {
    this.#context = context;
    this.#device = device;
    this.#ceilings = ceilings;
  }

  /** Times a product by the rules, then on each core. */
  async product({ run, ...product }: Product, cores: readonly Core[]): Promise<void> {
    const times: Timed[] = [];
    const wrong: string[] = [];
    let expected: ArrayLike<number> | null = null;
    for (const core of ['rules', ...cores] as const) {
      const forced = core === 'rules' ? null : core;
      if (!this.#affordable(core, product.flop)) {
        this.leftOut.push(`${core}: ${product.kind} ${product.shape}`);
        continue;
      }
      try {
        const result = onCore(forced, run);
        const values = await result.data();
        result.dispose();
        if (expected) {
          const difference = relativeDifference(values, expected);
          const allowed = allowedDifference(core as Core, product.terms);
          if (!(difference <= allowed)) wrong.push(`${core} differs by ${difference.toExponential(1)}`);
        } else expected = values;
        times.push(await this.#time(core, forced, product.flop, run));
      } catch (error) {
        wrong.push(`${core}: ${messageOf(error)}`);
        this.#device.throwIfFailed();
      }
    }
    if (times.length === 0) return;
    this.measured.push({ ...product, times });
    const name = `${product.kind} ${product.shape}`;
    if (times.length > 1 || wrong.length > 0)
      this.#context.check(
        `${name}: cores agree`,
        wrong.length === 0,
        wrong[0] ?? `${times.length - 1} cores give what the rules' gives`,
      );
    const told = times.map(
      ({ core, milliseconds, shareOfCeiling }) =>
        `${core} ${milliseconds.toFixed(3)} ms (${(100 * shareOfCeiling).toFixed(0)}%)`,
    );
    this.#context.figure(name, `${name}: ${told.join(', ')}`, { ...product, times });
  }

  async #time(name: Core | 'rules', core: Core | null, flop: number, run: () => Tensor): Promise<Timed> {
    const work = (): void => {
      this.#device.dropAllPacked(); // packing is part of the time
      onCore(core, run);
    };
    const about = await once(this.#device, work);
    const { milliseconds, spread } = await timeOnDevice(this.#device, about, work);
    const gflops = flop / milliseconds / 1e6;
    this.#slowest.set(name, Math.min(gflops, this.#slowest.get(name) ?? Number.POSITIVE_INFINITY));
    return { core: name, milliseconds, spread, gflops, shareOfCeiling: gflops / this.#ceilings.gflops };
  }

  /** Whether there is time for a product on a core, going by how slow that has been. */
  #affordable(core: Core | 'rules', flop: number): boolean {
    const gflops = this.#slowest.get(core) ?? this.#ceilings.gflops * UNSEEN_SHARE;
    return (LEAST_CALLS * flop) / gflops / 1e9 < this.#context.left() / 4;
  }
}

/** Passes that only move memory: bytes that they must read and write, over the time. */
async function streams(context: StageContext, device: Device, ceilings: Ceilings): Promise<string[]> {
  const recipe = recipes.pytorch!;
  const sizes = { imageSize: 64, width: 64, channels: 3, latentSize: recipe.latent.size };
  const state = new TrainState(recipe, { sizes, lr: 1e-9, seed: 1, device });
  const parameters = state.networks.generator.parameters().reduce((total, { size }) => total + size, 0);
  const [x, y] = [noise([BATCH, 64, 32, 32], device), noise([BATCH, 64, 32, 32], device)];
  const [weight, bias] = [noise([64], device), noise([64], device)];
  const leaves = [x.detach(), weight.detach(), bias.detach()].map((t) => t.requireGrad().keep());
  const training = { training: true } as const;
  const normal = batchNorm(leaves[0]!, { weight: leaves[1]!, bias: leaves[2]!, ...training }).keep();
  const works: readonly [string, number, () => unknown][] = [
    ['leaky_relu', 2 * x.bytes, () => leakyRelu(x, 0.2)],
    ['add', 3 * x.bytes, () => add(x, y)],
    ['sum', x.bytes, () => sum(x)],
    ['batch norm', 3 * x.bytes, () => batchNorm(x, { weight, bias, ...training })],
    ['batch norm, backward', 5 * x.bytes, () => grad(normal, leaves, { gradOutputs: [y] })],
    // Parameter, gradient and two moments are read, all but the gradient written.
    ['Adam', 28 * parameters, () => state.optimizers.generator.step()],
  ];
  const told: string[] = [];
  for (const [name, bytes, run] of works) {
    if (context.left() < 1) break;
    const work = (): void => void run();
    const { milliseconds, spread } = await timeOnDevice(device, await once(device, work), work);
    const gbs = bytes / milliseconds / 1e6;
    const shareOfCeiling = gbs / ceilings.gbs;
    const text = `${name} ${gbs.toFixed(0)} GB/s (${(100 * shareOfCeiling).toFixed(0)}%)`;
    told.push(text);
    context.figure(name, text, { bytes, milliseconds, spread, gbs, shareOfCeiling });
  }
  for (const t of [x, y, weight, bias, normal, ...leaves]) t.dispose();
  state.dispose();
  return told;
}

/** A line for each kind: rates by the rules, and where a core beats them. */
function summarize(context: StageContext, measured: readonly Measured[]): void {
  for (const kind of new Set(measured.map((one) => one.kind))) {
    const parts = measured
      .filter((one) => one.kind === kind)
      .map(({ shape, times }) => {
        const best = times.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a));
        const [rules] = times;
        const rate = `${shape} ${(rules!.gflops / 1000).toFixed(2)} (${(100 * rules!.shareOfCeiling).toFixed(0)}%)`;
        if (best.core === 'rules' || best.milliseconds > 0.95 * rules!.milliseconds) return rate;
        return `${rate}, ${best.core} ${(rules!.milliseconds / best.milliseconds).toFixed(2)}× as fast`;
      });
    for (let i = 0; i < parts.length; i += 3)
      context.figure(
        `summary ${kind} ${i}`,
        `${kind}, TFLOP/s by rule: ${parts.slice(i, i + 3).join('; ')}`,
        {},
        true,
      );
  }
}

export async function kernels(context: StageContext): Promise<void> {
  const device = await context.open({ halfMatrices: true });
  try {
    const ceilings = await measureCeilings(device);
    const tflops = `${(ceilings.gflops / 1000).toFixed(2)} TFLOP/s of multiply-adds, ${ceilings.gbs.toFixed(0)} GB/s of copies`;
    context.figure('ceilings', `ceilings: ${tflops}`, ceilings, true);
    context.headline(tflops);
    const passes = await streams(context, device, ceilings);
    context.figure('passes', passes.join(', '), {}, true);
    const bench = new Kernels(context, device, ceilings);
    for (const product of products(device)) await bench.product(product, timedCores(device));
    if (bench.leftOut.length > 0)
      context.note(`No time was left for ${bench.leftOut.length} timings: ${bench.leftOut.join('; ')}.`);
    summarize(context, bench.measured);
    const count = bench.measured.reduce((total, { times }) => total + times.length, 0);
    context.headline(`${tflops}; ${count} timings of ${bench.measured.length} products`);
  } finally {
    device.destroy();
  }
}
