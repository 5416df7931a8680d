// The problems that a tuner may choose an algorithm for, and the candidates for each.
import type { Device } from '../device/device.ts';
import type { Tensor } from '../tensor.ts';
import {
  type Algorithm,
  type ConvProduct,
  type ConvSizes,
  convMacs,
  isWholeWindow,
  type MatmulProblem,
} from './algorithm.ts';
import { algorithms } from './algorithms.ts';
import { choicesOf, convByRule, convKey, convProblem, type Met, matmulByRule, matmulKey } from './choose.ts';
import { sizesOf } from './matmul.ts';
import { hasFewChannels } from './software/conv-few-channels.ts';

/**
 * Classes of problems that one algorithm is likely to suit: `one window` is a convolution whose window is the
 * whole of x (a generator's first layer, a logit head), `few channels` one of at most 48 weights an output
 * channel.
 */
export type ProblemFamily = 'matmul' | 'convolution' | 'few channels' | 'one window';

/** A problem that several algorithms can solve. */
export interface Tunable {
  /** Says the problem and its sizes: what a choice is remembered by. */
  readonly key: string;
  readonly family: ProblemFamily;
  /** Multiply-adds of all that `run` computes. */
  readonly macs: number;
  /** Terms of the longest sum that `run` computes. */
  readonly terms: number;
  /** Names of algorithms. */
  readonly candidates: readonly string[];
  /**
   * The results on scratch operands, by whatever algorithm is forced, else by rule. `share` below 1 asks for a smaller
   * batch of the same sizes, where the plain algorithm would take too long.
   */
  readonly run: (operands: readonly Tensor[]) => readonly Tensor[];
  readonly shapes: (share: number) => readonly (readonly number[])[];
}

/** Problems below this many multiply-adds are not worth a compilation. */
const leastMacs = 2 ** 20;

/**
 * The problems of some work that are worth a choice, the largest first. `work` is run dry: it computes
 * nothing and changes nothing.
 */
export function tunableProblems(device: Device, work: () => unknown): Tunable[] {
  const choices = choicesOf(device);
  const met = new Map<string, Met>();
  choices.met = met;
  try {
    device.dryRun(work);
  } finally {
    choices.met = null;
  }
  return [...met.values()]
    .map((one) =>
      'convolution' in one ? tunableConvolution(device, one.convolution) : tunableMatmul(device, one.matmul),
    )
    .filter(({ macs, candidates }) => macs >= leastMacs && candidates.length > 1)
    .sort((a, b) => b.macs - a.macs);
}

const products: readonly ConvProduct[] = ['forward', 'inputGradient', 'weightGradient'];

/** The three products of a convolution, which share their operands. */
function tunableConvolution(device: Device, z: ConvSizes): Tunable {
  const family = isWholeWindow(z) ? 'one window' : hasFewChannels(z) ? 'few channels' : 'convolution';
  return {
    key: convKey(z),
    family,
    macs: 3 * convMacs(z),
    terms: Math.max(z.c * z.r * z.s, (z.k / z.groups) * z.r * z.s, z.n * z.p * z.q),
    candidates: candidatesForConvolution(device, z),
    shapes: (share) => {
      const n = Math.max(1, Math.floor(z.n * share));
      return [
        [n, z.c, z.h, z.w],
        [z.k, z.c / z.groups, z.r, z.s],
        [n, z.k, z.p, z.q],
      ];
    },
    run: ([x, weight, gy]) => {
      const sizes = { ...z, n: x!.shape[0]! };
      const by = (product: ConvProduct) => convByRule(device, product, sizes);
      return [
        by('forward').forward(x!, weight!, null, sizes),
        by('inputGradient').inputGradient(gy!, weight!, null, sizes),
        by('weightGradient').weightGradient(x!, gy!, sizes),
      ];
    },
  };
}

function tunableMatmul(device: Device, { batch, m, n, k }: MatmulProblem): Tunable {
  const problem = (inner: number): MatmulProblem => ({
    batch,
    m,
    n,
    k: inner,
    a: { batch: m * inner, row: inner, column: 1 },
    b: { batch: inner * n, row: n, column: 1 },
  });
  return {
    key: matmulKey(problem(k)),
    family: 'matmul',
    macs: sizesOf(problem(k)).macs,
    terms: k,
    candidates: candidatesForMatmul(device, problem(k)),
    shapes: (share) => {
      const inner = Math.max(1, Math.floor(k * share));
      return [
        [batch, m, inner],
        [batch, inner, n],
      ];
    },
    run: ([a, b]) => {
      const sizes = problem(a!.shape[2]!);
      return [matmulByRule(device, sizes).multiply(a!, b!, sizes, null)];
    },
  };
}

const tried = (device: Device): readonly Algorithm[] =>
  algorithms.filter((one) => !one.untuned && one.runsOn(device));

function candidatesForConvolution(device: Device, z: ConvSizes): string[] {
  const problems = products.map((product) => convProblem(product, z, false));
  const able = tried(device).filter(({ convolution }) =>
    problems.every((p) => convolution?.supports(device, p) && (convolution.worthTrying?.(device, p) ?? true)),
  );
  // Seconds to compile on a processor, and never the fastest there where textures will do, but for plain products.
  const skipped = ({ name, compilesSlowly }: Algorithm): boolean =>
    isWholeWindow(z) ? name === 'tiled' : compilesSlowly === true;
  return namesOf(device, able, skipped);
}

function candidatesForMatmul(device: Device, problem: MatmulProblem): string[] {
  const able = tried(device).filter(
    ({ matmul }) => matmul && (matmul.worthTrying?.(device, problem) ?? true),
  );
  return namesOf(device, able, ({ name }) => name === 'tiled' || name === 'subgroup');
}

/** On a software adapter that can use textures, without those that are skipped there. */
function namesOf(
  device: Device,
  able: readonly Algorithm[],
  skipped: (algorithm: Algorithm) => boolean,
): string[] {
  const packs = device.adapter.software && able.some(({ name }) => name === 'texture');
  return able.filter((one) => !(packs && skipped(one))).map(({ name }) => name);
}
