// Normalisation over groups: statistics, scale and shift, and the backward passes of both batch and instance norm.
import { type BufferRange, f32 } from '../device/device.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

/**
 * How x is seen: as (rows, groups, run), with one mean and variance per group, and group g in channel g % channels.
 * Batch norm of (N, C, L): rows N, groups C. Instance norm: rows 1, groups N·C.
 */
export interface Grouping {
  readonly rows: number;
  readonly groups: number;
  readonly run: number;
  readonly channels: number;
}

/** Mean and biased variance, [groups] each. */
export interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Statistics kept over many batches, [groups] each, changed in place; momentum is the weight of the new value. */
export interface RunningStatistics extends Statistics {
  readonly momentum: number;
}

/** Σ gy and Σ gy·x̂ per group, [groups] each. */
export interface GradientSums {
  readonly sum: Tensor;
  readonly dot: Tensor;
}

/** Four float32 are loaded at once where runs allow it. */
function elementWidth(by: Grouping): number {
  return by.run % 4 === 0 ? 4 : 1;
}

function elementFile(by: Grouping): ShaderFile {
  return elementWidth(by) === 4 ? 'norm/element_vec4.wgsl' : 'norm/element_f32.wgsl';
}

/**
 * Invocations that fill the adapter, and the fewest units that make an invocation worth starting: a GPU hides the
 * latency of loads behind thousands of invocations, a CPU pays for each start (2 to 4 times, measured on lavapipe).
 */
function appetite(x: Tensor): { invocations: number; leastUnits: number } {
  return x.device.adapter.software
    ? { invocations: 2048, leastUnits: 64 }
    : { invocations: 131_072, leastUnits: 8 };
}

/** One invocation joins the parts of a group, so their number is kept small. */
const mostSplits = 64;

interface Walk {
  /** Invocations that share a group within a workgroup. */
  readonly lanes: number;
  /** Workgroups among which a group is split. */
  readonly splits: number;
  readonly run: number;
  readonly units: number;
}

/**
 * Splits each group into lanes and parts: as many lanes as a run has units, so that neighbouring lanes read
 * neighbouring units and short runs of neighbouring groups are read side by side; more where there are few groups.
 */
function planWalk(x: Tensor, by: Grouping): Walk {
  const { invocations, leastUnits } = appetite(x);
  const run = by.run / elementWidth(by);
  const units = run * by.rows;
  let lanes = 1;
  while (lanes < flatWorkgroup && (lanes < run || (lanes * by.groups < flatWorkgroup && lanes < units)))
    lanes *= 2;
  const wanted = Math.ceil(invocations / (by.groups * lanes));
  const possible = Math.floor(units / (lanes * leastUnits));
  const splits = Math.max(1, Math.min(wanted, possible, mostSplits));
  return { lanes, splits, run, units };
}

/** What is summed over each group: the names of its shader files, and the buffers it reads and writes. */
interface GroupSum {
  readonly name: string;
  /** `Partial` and `join`. */
  readonly partial: ShaderFile;
  /** How units are visited. */
  readonly walk: ShaderFile;
  /** How a finished result is written. */
  readonly publish: readonly ShaderFile[];
  readonly inputs: readonly BufferRange[];
  readonly outputs: readonly BufferRange[];
  readonly eps: number;
  readonly momentum: number;
}

function sumGroups(x: Tensor, by: Grouping, what: GroupSum): void {
  const { lanes, splits, run, units } = planWalk(x, by);
  const reads = what.inputs.map(() => 'read' as const);
  const blocks = Math.ceil((by.groups * lanes) / flatWorkgroup);
  const walkInto = (outputs: readonly BufferRange[], publish: readonly ShaderFile[]): void =>
    x.device.dispatch(
      {
        name: what.name,
        files: [elementFile(by), 'norm/group_walk.wgsl', what.partial, what.walk, ...publish],
        constants: { WORKGROUP: flatWorkgroup, LANES: lanes, OUTPUTS: 1 + what.inputs.length },
        bindings: [...reads, ...outputs.map(() => 'write' as const)],
      },
      [by.groups, run, units, splits, f32(what.eps), f32(what.momentum)],
      [...what.inputs, ...outputs],
      [Math.min(blocks, 65_535), splits, 1],
    );
  if (splits === 1) {
    walkInto(what.outputs, what.publish);
    return;
  }
  const partials = empty([splits, by.groups, 4], { device: x.device });
  walkInto([partials.range], ['norm/publish_partial.wgsl']);
  x.device.dispatch(
    {
      name: `${what.name}_finish`,
      files: ['norm/group_finish.wgsl', what.partial, ...what.publish],
      constants: { WORKGROUP: flatWorkgroup, OUTPUTS: 2 },
      bindings: ['read', ...what.outputs.map(() => 'write' as const)],
    },
    [by.groups, splits, f32(what.momentum)],
    [partials.range, ...what.outputs],
    flatGrid(by.groups),
  );
  partials.dispose();
}

/** Mean and biased variance of every group; moves `running` towards the mean and the unbiased variance. */
export function groupStatistics(x: Tensor, by: Grouping, running: RunningStatistics | null): Statistics {
  const mean = empty([by.groups], { device: x.device });
  const variance = empty([by.groups], { device: x.device });
  const kept = running ? [running.mean.range, running.variance.range] : [];
  sumGroups(x, by, {
    name: 'norm_statistics',
    partial: 'norm/moments.wgsl',
    walk: 'norm/moments_walk.wgsl',
    publish: [
      'norm/moments_publish.wgsl',
      running ? 'norm/running_stats.wgsl' : 'norm/no_running_stats.wgsl',
    ],
    inputs: [x.range],
    outputs: [mean.range, variance.range, ...kept],
    eps: 0,
    momentum: running?.momentum ?? 0,
  });
  return { mean, variance };
}

/** Σ gy and Σ gy·x̂ of every group: over a channel, the gradients of bias and weight. */
export function gradientSums(
  x: Tensor,
  gy: Tensor,
  by: Grouping,
  { mean, variance }: Statistics,
  eps: number,
): GradientSums {
  const sum = empty([by.groups], { device: x.device });
  const dot = empty([by.groups], { device: x.device });
  sumGroups(x, by, {
    name: 'norm_gradient_sums',
    partial: 'norm/gradient_sums.wgsl',
    walk: 'norm/gradient_sums_walk.wgsl',
    publish: ['norm/gradient_sums_publish.wgsl'],
    inputs: [x.range, gy.range, mean.range, variance.range],
    outputs: [sum.range, dot.range],
    eps,
    momentum: 0,
  });
  return { sum, dot };
}

/** The parameters and grid of the one-pass kernels: columns of units, each invocation taking several rows of one. */
function columnPlan(x: Tensor, by: Grouping): { params: number[]; grid: [number, number, number] } {
  const run = by.run / elementWidth(by);
  const columns = by.groups * run;
  const depth = Math.max(1, Math.min(8, Math.floor((columns * by.rows) / appetite(x).invocations)));
  const items = columns * Math.ceil(by.rows / depth);
  return {
    params: [by.rows, columns, run, by.channels, depth],
    grid: [Math.min(65_535, Math.ceil(items / flatWorkgroup)), 1, 1],
  };
}

/** weight · (x - mean) / √(variance + eps) + bias, of x's shape; weight and bias are [channels] or absent. */
export function normalize(
  x: Tensor,
  by: Grouping,
  { mean, variance }: Statistics,
  weight: Tensor | null,
  bias: Tensor | null,
  eps: number,
): Tensor {
  const y = empty(x.shape, { device: x.device });
  const { params, grid } = columnPlan(x, by);
  x.device.dispatch(
    {
      name: 'normalize',
      files: [elementFile(by), 'norm/normalize.wgsl'],
      constants: { WORKGROUP: flatWorkgroup, HAS_WEIGHT: weight !== null, HAS_BIAS: bias !== null },
      bindings: ['read', 'read', 'read', 'read', 'read', 'write'],
    },
    [...params, f32(eps)],
    [x, mean, variance, weight ?? mean, bias ?? mean, y].map((t) => t.range),
    grid,
  );
  return y;
}

/**
 * The gradient of x given that of y.
 * @param sums of gradientSums when the statistics are those of x itself; null when they do not depend on x.
 */
export function normalizeBackward(
  x: Tensor,
  gy: Tensor,
  by: Grouping,
  { mean, variance }: Statistics,
  weight: Tensor | null,
  sums: GradientSums | null,
  eps: number,
): Tensor {
  const gx = empty(x.shape, { device: x.device });
  const { params, grid } = columnPlan(x, by);
  const read = 'read' as const;
  x.device.dispatch(
    {
      name: 'normalize_backward',
      files: [elementFile(by), 'norm/normalize_backward.wgsl'],
      constants: {
        WORKGROUP: flatWorkgroup,
        HAS_WEIGHT: weight !== null,
        BATCH_STATISTICS: sums !== null,
        PAIRS: sums !== null && by.rows * by.run === 2,
      },
      bindings: [read, read, read, read, read, read, read, 'write'],
    },
    [...params, f32(eps), f32(1 / (by.rows * by.run))],
    [x, gy, mean, variance, weight ?? mean, sums?.sum ?? mean, sums?.dot ?? mean, gx].map((t) => t.range),
    grid,
  );
  return gx;
}
