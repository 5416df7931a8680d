// Stage 4: what the adapter can reach, and how near the main kernels come: the products of a DCGAN's step at 64×64,
// width 64, batch 128, square matrix products, norms and Adam; by the rules first, then on every algorithm
// there is time for.
import { Adam } from '@forger/nn';
import {
  add,
  backward,
  batchNorm,
  type Ceilings,
  type Device,
  grad,
  leakyRelu,
  measureCeilings,
  sum,
  type Tensor,
} from '@forger/tensor';
import { relativeDifference } from '../edges.ts';
import { type AlgorithmName, allowedFromRules, onAlgorithm, servedBy, timedAlgorithms } from '../forger.ts';
import { BATCH, noise, type OpenProduct, type Product, productsOn } from '../products.ts';
import { messageOf, type StageContext } from '../stage.ts';
import { once, rateOf, timeOnDevice } from '../timing.ts';

interface Timed {
  readonly algorithm: AlgorithmName | 'rules';
  readonly milliseconds: number;
  readonly spread: readonly [number, number];
  readonly gflops: number;
  readonly shareOfCeiling: number;
}

interface Measured extends Omit<Product, 'open'> {
  readonly times: Timed[];
}

/** Of the generator and the discriminator at 64×64 and width 64, rounded. */
const ADAM_PARAMETERS = 6_300_000;

/** Shares of the ceiling that the rules and a algorithm are taken to reach before they were seen. */
const UNSEEN = { rules: 1 / 8, algorithm: 1 / 60 };

/** Calls that a timing takes at least: for the result, two by themselves, and one a round. */
const LEAST_CALLS = 6;

class Kernels {
  readonly #context: StageContext;
  readonly #device: Device;
  readonly #ceilings: Ceilings;
  /** The slowest that each algorithm was, in GFLOP/s. */
  readonly #slowest = new Map<AlgorithmName | 'rules', number>();
  /** The longest that a timing took, in seconds. */
  #longest = 0;
  readonly measured = new Map<string, Measured>();
  readonly leftOut: string[] = [];

  constructor(context: StageContext, device: Device, ceilings: Ceilings) {
    this.#context = context;
    this.#device = device;
    this.#ceilings = ceilings;
  }

  /** Times a product by the rules. */
  async byRules({ open, ...product }: Product): Promise<void> {
    const name = `${product.kind} ${product.shape}`;
    if (!this.#affordable('rules', product.flop)) {
      this.leftOut.push(`${name} by the rules`);
      return;
    }
    const { run, dispose } = open();
    const began = performance.now();
    const rules = await this.#time('rules', null, product.flop, run);
    this.#longest = Math.max(this.#longest, (performance.now() - began) / 1000);
    dispose();
    this.measured.set(name, { ...product, times: [rules] });
    const { milliseconds, shareOfCeiling } = rules;
    const text = `${name}: ${milliseconds.toFixed(3)} ms (${(100 * shareOfCeiling).toFixed(0)}%)`;
    this.#context.figure(`${name}, rules`, text, { ...product, ...rules });
  }

  /** Times a product that was timed by the rules on each algorithm that serves it, and compares the results. */
  async onAlgorithms({ open, ...product }: Product, algorithms: readonly AlgorithmName[]): Promise<void> {
    const name = `${product.kind} ${product.shape}`;
    const measured = this.measured.get(name);
    if (!measured) return;
    const others: Timed[] = [];
    const wrong: string[] = [];
    let expected: ArrayLike<number> | null = null;
    let operands: OpenProduct | null = null;
    for (const algorithm of algorithms) {
      if (!this.#affordable(algorithm, product.flop)) {
        this.leftOut.push(`${name} on ${algorithm}`);
        continue;
      }
      const began = performance.now();
      try {
        operands ??= open();
        const { run } = operands;
        expected ??= await valuesOf(run());
        const { result, served } = servedBy(this.#device, algorithm, run);
        const difference = relativeDifference(await valuesOf(result), expected);
        const allowed = allowedFromRules(algorithm, product.terms);
        if (!(difference <= allowed)) wrong.push(`${algorithm} differs by ${difference.toExponential(1)}`);
        if (served) others.push(await this.#time(algorithm, algorithm, product.flop, run));
      } catch (error) {
        wrong.push(`${algorithm}: ${messageOf(error)}`);
        this.#device.throwIfFailed();
      }
      this.#longest = Math.max(this.#longest, (performance.now() - began) / 1000);
    }
    operands?.dispose();
    measured.times.push(...others);
    if (others.length === 0 && wrong.length === 0) return;
    this.#context.check(
      `${name}: algorithms agree`,
      wrong.length === 0,
      wrong[0] ?? `${others.length} algorithms give what the rules' gives`,
    );
    const told = measured.times.map(
      ({ algorithm, milliseconds, shareOfCeiling }) =>
        `${algorithm} ${milliseconds.toFixed(3)} ms (${(100 * shareOfCeiling).toFixed(0)}%)`,
    );
    this.#context.figure(`${name}, algorithms`, `${name}: ${told.join(', ')}`, { ...product, times: others });
  }

  async #time(
    name: AlgorithmName | 'rules',
    algorithm: AlgorithmName | null,
    flop: number,
    run: () => Tensor,
  ): Promise<Timed> {
    const work = (): void => {
      this.#device.dropAllPacked(); // packing is part of the time
      onAlgorithm(this.#device, algorithm, run);
    };
    const about = await once(this.#device, work);
    const { milliseconds, spread } = await timeOnDevice(this.#device, about, work);
    const gflops = flop / milliseconds / 1e6;
    this.#slowest.set(name, Math.min(gflops, this.#slowest.get(name) ?? Number.POSITIVE_INFINITY));
    return { algorithm: name, milliseconds, spread, gflops, shareOfCeiling: gflops / this.#ceilings.gflops };
  }

  /** Whether there is time for a product on a algorithm, going by how slow that has been, and all else. */
  #affordable(algorithm: AlgorithmName | 'rules', flop: number): boolean {
    const unseen = this.#ceilings.gflops * (algorithm === 'rules' ? UNSEEN.rules : UNSEEN.algorithm);
    const gflops = this.#slowest.get(algorithm) ?? unseen;
    const seconds = (LEAST_CALLS * flop) / gflops / 1e9;
    return seconds < this.#context.left() / 4 && 1.5 * this.#longest < this.#context.left();
  }
}

async function valuesOf(result: Tensor): Promise<ArrayLike<number>> {
  const values = await result.data();
  result.dispose();
  return values;
}

/** Passes that only move memory: bytes that they must read and write, over the time. */
async function streams(context: StageContext, device: Device, ceilings: Ceilings): Promise<string[]> {
  const [x, y] = [noise([BATCH, 64, 32, 32], device), noise([BATCH, 64, 32, 32], device)];
  const [weight, bias] = [noise([64], device), noise([64], device)];
  const leaves = [x.detach(), weight.detach(), bias.detach()].map((t) => t.requiresGrad_().keep());
  const training = { training: true } as const;
  const normal = batchNorm(leaves[0]!, { weight: leaves[1]!, bias: leaves[2]!, ...training }).keep();
  // As many as both networks have.
  const parameters = noise([ADAM_PARAMETERS], device).requiresGrad_();
  const adam = new Adam([parameters], { lr: 1e-6 });
  device.scope(() => backward(sum(parameters)));
  const works: readonly [string, number, () => unknown][] = [
    ['leaky_relu', 2 * x.bytes, () => leakyRelu(x, 0.2)],
    ['add', 3 * x.bytes, () => add(x, y)],
    ['sum', x.bytes, () => sum(x)],
    ['batch norm', 3 * x.bytes, () => batchNorm(x, { weight, bias, ...training })],
    ['batch norm, backward', 5 * x.bytes, () => grad(normal, leaves, { gradOutputs: [y] })],
    // Parameter, gradient and two moments are read, all but the gradient written.
    ['Adam', 7 * parameters.bytes, () => adam.step()],
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
  adam.dispose();
  for (const t of [x, y, weight, bias, normal, parameters, ...leaves]) t.dispose();
  return told;
}

/** A line for each kind: rates by the rules with their shares of the ceiling, and where a algorithm beats them. */
function summarize(context: StageContext, measured: readonly Measured[]): void {
  for (const kind of new Set(measured.map((one) => one.kind))) {
    const parts = measured
      .filter((one) => one.kind === kind)
      .map(({ brief, times }) => {
        const best = times.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a));
        const [rules] = times as [Timed, ...Timed[]];
        const share = `${(100 * rules.shareOfCeiling).toFixed(0)}%`;
        const gain = rules.milliseconds / best.milliseconds;
        const beaten =
          best.algorithm !== 'rules' && gain > 1.05 ? `; ${best.algorithm} ×${gain.toFixed(1)}` : '';
        return `${brief} ${rateOf(rules.gflops)} (${share}${beaten})`;
      });
    context.figure(`summary ${kind}`, `${kind}: ${parts.join(', ')}`, {}, true);
  }
}

export async function kernels(context: StageContext): Promise<void> {
  const device = await context.open({ halfMatrices: true });
  try {
    const ceilings = await measureCeilings(device);
    const reach = `${rateOf(ceilings.gflops)} of multiply-adds, ${ceilings.gbs.toFixed(0)} GB/s of copies`;
    context.figure('ceilings', `ceilings: ${reach}`, ceilings, true);
    context.headline(reach);
    const passes = await streams(context, device, ceilings);
    context.figure('passes', passes.join(', '), {}, true);
    const bench = new Kernels(context, device, ceilings);
    const products = productsOn(device);
    for (const product of products) await bench.byRules(product);
    summarize(context, [...bench.measured.values()]);
    for (const product of products) await bench.onAlgorithms(product, timedAlgorithms(device));
    if (bench.leftOut.length > 0)
      context.figure('left out', `no time was left for ${bench.leftOut.length} timings`, {
        timings: bench.leftOut,
      });
    const measured = [...bench.measured.values()];
    summarize(context, measured);
    const count = measured.reduce((total, { times }) => total + times.length, 0);
    context.headline(`${reach}; ${count} timings of ${measured.length} products`);
  } finally {
    device.destroy();
  }
}
