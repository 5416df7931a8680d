/** What a case should give, in float64: its result, gradients by both backward passes, and gradients of gradients. */
import { move, signs } from '../conditioning.ts';
import { map, type Ref } from '../reference/array.ts';
import { referenceOp } from '../reference/index.ts';
import { type BatchNormArgs, updatedRunningStats } from '../reference/norm.ts';
import { unaryOps } from '../reference/unary.ts';
import { type Case, opCases } from './cases.ts';
import { allowedUnitsOf, specialValuesOf } from './variants.ts';

/** One tensor that a case gives. */
export interface Expected {
  readonly what: string;
  readonly values: Ref;
  /** Allowed error in units of roundoff; see `allowedUnits` of the library. */
  readonly allowed: number;
  /** Whether directions are a factor of it. */
  readonly second: boolean;
  /** What errors are relative to besides the result's own size. */
  readonly cancels: number;
  /** Where NaN and infinity must be: nowhere else and each as it is, nowhere else, or at least there. */
  readonly specials: 'exact' | 'in place' | 'spread';
  /** Factors of each element: where one is beyond float32, nothing is asked of the product. */
  readonly factor: Float64Array | null;
}

export interface Expectation {
  readonly results: readonly Expected[];
  /** Whether each element is held against its own size. */
  readonly elements: boolean;
  /** Terms of the longest sum. */
  readonly terms: number;
  /** The size of the directions: of each element's own where these are single numbers. */
  readonly along: (k: number) => number;
  /**
   * For each result, element by element, what relative errors of one unit in inputs, upstream gradient and direction
   * become in it (conditioning.ts). Costs several times as much as all else: worked out only where an error is larger
   * than it may be without.
   */
  readonly sensitivities: () => readonly Float64Array[];
}

/** Second derivatives run through about twice as many steps. */
const steps = { first: 1, second: 2 };

/** Operations whose value or derivative jumps where inputs are equal or 0, which a small move would cross. */
const withKinks = new Set([
  ...Object.values(unaryOps).flatMap(({ name, kinks }) => (kinks ? [name] : [])),
  ...'maximum minimum max min maxPool2d l1 bce'.split(' '),
]);

const directions = 6;

/** Whether a case asks for gradients of gradients. Among NaN and infinities what they are is no matter of agreement. */
export const hasSeconds = ({ kind, sample }: Case): boolean => kind !== 'special' && sample.wanted.length > 0;

function movesStatistics({ op, sample }: Case): boolean {
  if (op !== 'batchNorm') return false;
  const { training, runningStats } = sample.args as BatchNormArgs;
  return training && runningStats;
}

interface Given {
  inputs: readonly Ref[];
  gy: Ref;
  v: readonly (Ref | null)[];
}

/**
 * The tensors that a case gives, in the order of `labelsOf`; without the recorded gradients, which are the same again.
 */
function valuesOf(c: Case, { inputs, gy, v }: Given, args: unknown = c.sample.args): Ref[] {
  const op = referenceOp(c.op);
  const { wanted } = c.sample;
  const y = op.forward(inputs, args);
  const gradients = wanted.length > 0 ? op.backward(inputs, args, gy) : [];
  const seconds = hasSeconds(c) ? op.second(inputs, args, gy, v) : [];
  return [
    y,
    ...wanted.map((i) => gradients[i]!),
    ...(movesStatistics(c) ? updatedRunningStats(inputs, args as BatchNormArgs) : []),
    ...(hasSeconds(c) ? [...wanted.map((i) => seconds[i]!), seconds.at(-1)!] : []),
  ];
}

export function labelsOf(c: Case): { what: string; order: keyof typeof steps }[] {
  const { wanted } = c.sample;
  return [
    { what: 'result', order: 'first' },
    ...wanted.map((i) => ({ what: `gradient of input ${i}`, order: 'first' as const })),
    ...(movesStatistics(c)
      ? ['running mean', 'running variance'].map((what) => ({ what, order: 'first' as const }))
      : []),
    ...(hasSeconds(c)
      ? [...wanted.map((i) => `second gradient in input ${i}`), 'second gradient in gy'].map((what) => ({
          what,
          order: 'second' as const,
        }))
      : []),
  ];
}

export function expectationOf(c: Case): Expectation {
  const { sample, variant } = c;
  const cases = opCases[c.op];
  const terms = cases.terms(sample);
  const found = valuesOf(c, sample);
  const cancelled = cases.cancels?.(sample) ?? { result: 0, first: 0, second: 0 };
  const elements = cases.elements(sample);
  const results = labelsOf(c).map(
    ({ what, order }, i): Expected => ({
      what,
      values: found[i]!,
      allowed: steps[order] * allowedUnitsOf(variant, terms, c.kind === 'kinks'),
      second: order === 'second',
      cancels: what === 'result' ? cancelled.result : cancelled[order],
      specials: specialsOf(c, what, elements),
      factor: what === 'result' ? null : factorOf(c, what),
    }),
  );
  return {
    results,
    elements,
    terms,
    along: alongOf(c, elements),
    sensitivities: () => sensitivitiesOf(c, found, elements),
  };
}

/**
 * What is asked of special numbers. Where a formula takes infinities against each other, the order of
 * operations decides whether NaN or infinity comes out. Padding is zeros, which a weight of infinity or NaN
 * makes NaN, as in PyTorch, and a special number of a transposed convolution's input in the gradient of its
 * weight; which windows meet how much padding is the kernel's matter.
 */
function specialsOf(
  { op, variant, sample: { inputs } }: Case,
  what: string,
  elements: boolean,
): Expected['specials'] {
  const kernel = specialValuesOf(variant, op, what);
  if (kernel === 'spread') return 'spread';
  if (op.startsWith('conv')) {
    const special = inputs.map((x) => x.data.some((value) => !Number.isFinite(value)));
    if (special[1] || (special[0] && op === 'convTranspose2d' && what === 'gradient of input 1'))
      return 'spread';
  }
  if (kernel === 'in place') return 'in place';
  return elements || what === 'result' ? 'exact' : 'in place';
}

/** The derivative or curvature that a gradient of a function of single numbers has as a factor. */
function factorOf(c: Case, what: string): Float64Array | null {
  const { inputs, args } = c.sample;
  if (c.kind !== 'magnitudes' || inputs.length > 1 || !opCases[c.op].elements(c.sample)) return null;
  const one = map(inputs[0]!, () => 1);
  const op = referenceOp(c.op);
  return what === 'second gradient in input 0'
    ? op.second(inputs, args, one, [one])[0]!.data
    : op.backward(inputs, args, one)[0]!.data;
}

function alongOf({ sample: { v } }: Case, elements: boolean): (k: number) => number {
  const sizes = v.filter((one) => one !== null).map(({ data }) => data.map(Math.abs));
  if (elements) return (k) => sizes.reduce((most, size) => Math.max(most, size[k] ?? 0), 1);
  const largest = sizes.reduce((most, size) => size.reduce((a, b) => Math.max(a, b), most), 1);
  return () => largest;
}

/** What a case is made of and may move. */
type Part = 'inputs' | 'gy' | 'v' | 'goal';

/** What moves together, move by move. */
function moves(c: Case, elements: boolean): { part: Part; at: number }[][] {
  const { inputs, v } = c.sample;
  const each = (part: Part, count: number) => Array.from({ length: count }, (_, at) => ({ part, at }));
  // Results and gradients are linear in gy and v: these may move across no kink.
  const still = c.kind === 'kinks' && withKinks.has(c.op);
  const hasGoal = !still && (c.sample.args as { goal?: number }).goal !== undefined;
  const all = [
    ...(still ? [] : each('inputs', inputs.length)),
    ...each('goal', hasGoal ? 1 : 0),
    ...each('gy', 1),
    ...each('v', v.length),
  ];
  return elements ? all.map((one) => [one]) : Array.from({ length: directions }, () => all);
}

/**
 * Of single numbers each input moves by itself, and what that makes is added up: no signs can hide what
 * cancels. Of sums, all move at once by random signs, several times.
 */
function sensitivitiesOf(c: Case, found: readonly Ref[], elements: boolean): Float64Array[] {
  const most = found.map(({ data }) => new Float64Array(data.length));
  const { inputs, gy, v, args } = c.sample;
  for (const [direction, parts] of moves(c, elements).entries()) {
    const moved = (t: number): Ref[] => {
      const sign = signs(direction);
      const by = (x: Ref, part: Part, at: number): Ref => {
        if (!parts.some((one) => one.part === part && one.at === at)) return x;
        return map(x, (value) => value * (1 + t * (elements ? 1 : sign())));
      };
      const { goal } = args as { goal?: number };
      const movesGoal = goal !== undefined && parts.some(({ part }) => part === 'goal');
      return valuesOf(
        c,
        {
          inputs: inputs.map((x, at) => by(x, 'inputs', at)),
          gy: by(gy, 'gy', 0),
          v: v.map((x, at) => x && by(x, 'v', at)),
        },
        movesGoal ? { ...(args as object), goal: goal * (1 + t) } : args,
      );
    };
    const [above, below] = [moved(move), moved(-move)];
    for (const [i, { data }] of above.entries()) {
      for (let k = 0; k < data.length; k++) {
        const derivative = Math.abs(data[k]! - below[i]!.data[k]!) / (2 * move);
        if (elements) most[i]![k]! += derivative || 0;
        else if (derivative > most[i]![k]!) most[i]![k] = derivative;
      }
    }
  }
  return most;
}
