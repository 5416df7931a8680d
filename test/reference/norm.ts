/**
 * Batch and instance normalisation: y = weight·(x − mean)/√(var + eps) + bias, weight and bias per channel, and, with a
 * negativeSlope, the leaky ReLU of that (0: the ReLU).
 *
 * The two differ in which elements share a mean and a biased variance: batchNorm has one group per channel,
 * instanceNorm one per (sample, channel). The gradient through batch statistics is that of Ioffe & Szegedy (2015),
 * section 3: gx = weight/σ·(gy − mean(gy) − x̂·mean(gy·x̂)), the means taken over the group.
 */
import { map, type Ref, zeros } from './array.ts';
import { type Directions, input, type ReferenceOp } from './op.ts';
import { unaryOps } from './unary.ts';

/**
 * Inputs, in order: x; weight and bias when `affine`; runningMean and runningVar when `runningStats`.
 * x is (N,C), (N,C,L) or (N,C,H,W). With `training` false the running statistics are used and must be given.
 */
export interface BatchNormArgs {
  training: boolean;
  affine: boolean;
  runningStats: boolean;
  /** Weight of the new value in the running statistics. */
  momentum: number;
  eps: number;
  negativeSlope?: number | undefined;
}

/** Inputs, in order: x (N,C,…); weight and bias when `affine`. */
export interface InstanceNormArgs {
  affine: boolean;
  eps: number;
  negativeSlope?: number | undefined;
}

/** The operation followed by the leaky ReLU that its arguments ask for. */
function activated<A extends { negativeSlope?: number | undefined }>(op: ReferenceOp<A>): ReferenceOp<A> {
  return {
    ...op,
    forward(inputs, args) {
      const y = op.forward(inputs, args);
      const { negativeSlope } = args;
      if (negativeSlope === undefined) return y;
      // 0 · -∞ is NaN; the ReLU of -∞ is 0.
      return negativeSlope === 0
        ? unaryOps.relu.forward([y], {})
        : unaryOps.leakyRelu.forward([y], { negativeSlope });
    },
    backward(inputs, args, gy) {
      const { negativeSlope } = args;
      if (negativeSlope === undefined) return op.backward(inputs, args, gy);
      const [g] = unaryOps.leakyRelu.backward([op.forward(inputs, args)], { negativeSlope }, gy);
      return op.backward(inputs, args, g!);
    },
    second(inputs, args, gy, v) {
      const { negativeSlope } = args;
      if (negativeSlope === undefined) return op.second(inputs, args, gy, v);
      const through = (g: Ref): Ref =>
        unaryOps.leakyRelu.backward([op.forward(inputs, args)], { negativeSlope }, g)[0]!;
      const found = op.second(inputs, args, through(gy), v);
      return [...found.slice(0, -1), through(found.at(-1)!)];
    },
  };
}

interface Groups {
  count: number;
  of(i: number): number;
}

function channelOf(x: Ref): (i: number) => number {
  if (x.shape.length < 2) throw new Error(`Normalisation needs (N,C,…), not [${x.shape}].`);
  const [n, c] = x.shape as [number, number];
  const inner = x.data.length / (n * c);
  return (i) => Math.floor(i / inner) % c;
}

function channelGroups(x: Ref): Groups {
  return { count: x.shape[1]!, of: channelOf(x) };
}

function instanceGroups(x: Ref): Groups {
  const [n, c] = x.shape as [number, number];
  const inner = x.data.length / (n * c);
  return { count: n * c, of: (i) => Math.floor(i / inner) };
}

/** Mean of f over the elements of each group. */
function groupMeans(x: Ref, groups: Groups, f: (i: number) => number): number[] {
  const sums = new Array<number>(groups.count).fill(0);
  for (let i = 0; i < x.data.length; i++) sums[groups.of(i)]! += f(i);
  return sums.map((sum) => (sum * groups.count) / x.data.length);
}

interface Statistics {
  mean: number[];
  /** Biased: divided by the number of elements. */
  variance: number[];
}

function statistics(x: Ref, groups: Groups): Statistics {
  if (x.data.length <= groups.count) {
    throw new Error(`Normalisation needs more than one value per group; [${x.shape}] has one.`);
  }
  const mean = groupMeans(x, groups, (i) => x.data[i]!);
  const variance = groupMeans(x, groups, (i) => (x.data[i]! - mean[groups.of(i)]!) ** 2);
  return { mean, variance };
}

function normalize(x: Ref, groups: Groups, { mean, variance }: Statistics, eps: number): Ref {
  return map(x, (value, i) => (value - mean[groups.of(i)]!) / Math.sqrt(variance[groups.of(i)]! + eps));
}

function affineForward(xHat: Ref, weight: Ref | undefined, bias: Ref | undefined): Ref {
  const channel = channelOf(xHat);
  return map(xHat, (v, i) => v * (weight?.data[channel(i)] ?? 1) + (bias?.data[channel(i)] ?? 0));
}

/** Gradients of [weight, bias]: per-channel sums of gy·x̂ and gy. */
function affineGradients(xHat: Ref, gy: Ref): [Ref, Ref] {
  const channel = channelOf(xHat);
  const gWeight = zeros([xHat.shape[1]!]);
  const gBias = zeros([xHat.shape[1]!]);
  gy.data.forEach((g, i) => {
    gWeight.data[channel(i)]! += g * xHat.data[i]!;
    gBias.data[channel(i)]! += g;
  });
  return [gWeight, gBias];
}

/** The gradient of x; `through` says whether the statistics depend on x. */
function inputGradient(
  x: Ref,
  groups: Groups,
  stats: Statistics,
  eps: number,
  gXHat: Ref,
  through: boolean,
): Ref {
  const xHat = normalize(x, groups, stats, eps);
  const meanG = groupMeans(x, groups, (i) => (through ? gXHat.data[i]! : 0));
  const meanGX = groupMeans(x, groups, (i) => (through ? gXHat.data[i]! * xHat.data[i]! : 0));
  return map(gXHat, (g, i) => {
    const group = groups.of(i);
    const centred = through ? g - meanG[group]! - xHat.data[i]! * meanGX[group]! : g;
    return centred / Math.sqrt(stats.variance[group]! + eps);
  });
}

interface Normalization {
  x: Ref;
  groups: Groups;
  stats: Statistics;
  eps: number;
  weight: Ref | undefined;
  /** Whether the statistics depend on x. */
  through: boolean;
}

/**
 * The second derivatives, to [x, weight, bias, gy]. With u the direction of x, P(a) = a − mean(a) −
 * x̂·mean(a·x̂) over a group of M (P(a) = a for statistics that do not depend on x), S(a) = Σ a·x̂ and a =
 * gy·weight:
 *   s = Σ A + Σ gy·(vw·x̂ + vb) with A = Σ a·P(u)/σ over each group,
 *   ∂A/∂x = −1/(Mσ)·(x̂·A + (P(a)·S(u) + S(a)·P(u))/σ), by ∂x̂ᵢ/∂xⱼ = (δᵢⱼ − 1/M − x̂ᵢx̂ⱼ/M)/σ and ∂σ/∂x = x̂/M.
 */
function normSecond(norm: Normalization, gy: Ref, [u, vw, vb]: Directions): Ref[] {
  const { x, groups, stats, eps, weight, through } = norm;
  const channel = channelOf(x);
  const xHat = normalize(x, groups, stats, eps);
  const none = zeros(x.shape);
  const sigma = (i: number) => Math.sqrt(stats.variance[groups.of(i)]! + eps);
  /** P(a)/σ. */
  const moved = (a: Ref): Ref => inputGradient(x, groups, stats, eps, a, through);
  const means = (a: Ref, b: Ref) => groupMeans(x, groups, (i) => a.data[i]! * b.data[i]!);
  const a = affineForward(gy, weight, undefined);
  const [movedU, movedA] = [moved(u ?? none), moved(a)];
  const [meanA, meanS, meanU] = [means(a, movedU), means(a, xHat), means(u ?? none, xHat)];
  const ofWeight = moved(affineForward(gy, vw ?? zeros([x.shape[1]!]), undefined));
  const inX = map(ofWeight, (value, i) => {
    const g = groups.of(i);
    const curved = xHat.data[i]! * meanA[g]! + movedA.data[i]! * meanU[g]! + movedU.data[i]! * meanS[g]!;
    return value - (through ? curved / sigma(i) : 0);
  });
  const inGy = map(movedU, (value, i) => {
    const c = channel(i);
    return (weight?.data[c] ?? 1) * value + (vw?.data[c] ?? 0) * xHat.data[i]! + (vb?.data[c] ?? 0);
  });
  return [inX, affineGradients(movedU, gy)[0], zeros([x.shape[1]!]), inGy];
}

interface BatchNormInputs {
  x: Ref;
  weight: Ref | undefined;
  bias: Ref | undefined;
  runningMean: Ref | undefined;
  runningVar: Ref | undefined;
}

function batchNormInputs(inputs: readonly Ref[], args: BatchNormArgs): BatchNormInputs {
  const expected = 1 + (args.affine ? 2 : 0) + (args.runningStats ? 2 : 0);
  if (inputs.length !== expected)
    throw new Error(`batchNorm takes ${expected} inputs here, not ${inputs.length}.`);
  const [weight, bias] = args.affine ? inputs.slice(1) : [];
  const [runningMean, runningVar] = args.runningStats ? inputs.slice(-2) : [];
  return { x: input(inputs, 0), weight, bias, runningMean, runningVar };
}

function batchNormStatistics({ x, runningMean, runningVar }: BatchNormInputs, training: boolean): Statistics {
  if (training) return statistics(x, channelGroups(x));
  if (!runningMean || !runningVar) throw new Error('batchNorm in eval mode needs the running statistics.');
  return { mean: [...runningMean.data], variance: [...runningVar.data] };
}

export const batchNorm: ReferenceOp<BatchNormArgs> = activated({
  name: 'batchNorm',
  // The running statistics, which come last, have none.
  differentiable: (inputs, { affine }) => inputs.map((_, i) => i < (affine ? 3 : 1)),
  forward(inputs, args) {
    const given = batchNormInputs(inputs, args);
    const stats = batchNormStatistics(given, args.training);
    return affineForward(
      normalize(given.x, channelGroups(given.x), stats, args.eps),
      given.weight,
      given.bias,
    );
  },
  backward(inputs, args, gy) {
    const given = batchNormInputs(inputs, args);
    const groups = channelGroups(given.x);
    const stats = batchNormStatistics(given, args.training);
    const gXHat = affineForward(gy, given.weight, undefined);
    const gx = inputGradient(given.x, groups, stats, args.eps, gXHat, args.training);
    const affine = args.affine ? affineGradients(normalize(given.x, groups, stats, args.eps), gy) : [];
    return [gx, ...affine, ...(args.runningStats ? [null, null] : [])];
  },
  second(inputs, args, gy, v) {
    const given = batchNormInputs(inputs, args);
    const groups = channelGroups(given.x);
    const stats = batchNormStatistics(given, args.training);
    const norm = { ...given, groups, stats, eps: args.eps, through: args.training };
    const [inX, inWeight, inBias, inGy] = normSecond(norm, gy, args.affine ? v : [v[0]!]);
    const channels = zeros([given.x.shape[1]!]);
    return [
      inX!,
      ...(args.affine ? [inWeight!, inBias!] : []),
      ...(args.runningStats ? [channels, channels] : []),
      inGy!,
    ];
  },
});

/**
 * The running statistics after the step, as PyTorch: in training new = (1 − momentum)·old + momentum·batch, where the
 * batch's variance is the unbiased one although the normalisation uses the biased one; otherwise unchanged.
 */
export function updatedRunningStats(inputs: readonly Ref[], args: BatchNormArgs): [mean: Ref, variance: Ref] {
  const { x, runningMean, runningVar } = batchNormInputs(inputs, args);
  if (!runningMean || !runningVar) throw new Error('There are no running statistics to update.');
  if (!args.training) return [runningMean, runningVar];
  const batch = statistics(x, channelGroups(x));
  const count = x.data.length / x.shape[1]!;
  const blend = (old: number, fresh: number) => (1 - args.momentum) * old + args.momentum * fresh;
  return [
    map(runningMean, (old, c) => blend(old, batch.mean[c]!)),
    map(runningVar, (old, c) => blend(old, (batch.variance[c]! * count) / (count - 1))),
  ];
}

export const instanceNorm: ReferenceOp<InstanceNormArgs> = activated({
  name: 'instanceNorm',
  forward(inputs, args) {
    const x = input(inputs, 0);
    const groups = instanceGroups(x);
    return affineForward(normalize(x, groups, statistics(x, groups), args.eps), inputs[1], inputs[2]);
  },
  backward(inputs, args, gy) {
    const x = input(inputs, 0);
    const groups = instanceGroups(x);
    const stats = statistics(x, groups);
    const gx = inputGradient(x, groups, stats, args.eps, affineForward(gy, inputs[1], undefined), true);
    return [gx, ...(args.affine ? affineGradients(normalize(x, groups, stats, args.eps), gy) : [])];
  },
  second(inputs, args, gy, v) {
    const x = input(inputs, 0);
    const groups = instanceGroups(x);
    const norm = { x, groups, stats: statistics(x, groups), eps: args.eps, weight: inputs[1], through: true };
    const [inX, inWeight, inBias, inGy] = normSecond(norm, gy, v);
    return [inX!, ...(args.affine ? [inWeight!, inBias!] : []), inGy!];
  },
});
