// Normalisation over groups, with an activation behind it: statistics, the pass forward, and the two passes back, for
// both batch and instance norm.
import { type BufferRange, f32 } from '../device/device.ts';
import type { Access, Constant } from '../device/pipelines.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { empty, type Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

/**
 * How x is seen: as (parts, rows, channels, run), with one mean and variance for each channel of each part;
 * these are its groups. Batch norm of (N, C, L): one part of N rows, or N rows shared out. Instance norm: N
 * parts of one row.
 */
export interface Grouping {
  readonly parts: number;
  readonly rows: number;
  readonly channels: number;
  readonly run: number;
  /** parts · channels. */
  readonly groups: number;
}

/** The numbers behind a normalisation. */
export interface NormSettings {
  /** [channels] each; 1 and 0 when null. */
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly eps: number;
  /** Negative slope of the leaky ReLU behind it, 0 for ReLU; null for none. */
  readonly slope: number | null;
}

/** Mean and biased variance, [groups] each. */
export interface Statistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Statistics kept over many batches, changed in place; momentum is the weight of the new value. */
export interface RunningStatistics extends Statistics {
  readonly momentum: number;
  /** Counts the batches, int32; not counted when null. */
  readonly batches: Tensor<'int32'> | null;
}

/** Σ g and Σ g·x̂ per group, [groups] each, g being the gradient of the normalisation's result. */
export interface GradientSums {
  readonly sum: Tensor;
  readonly dot: Tensor;
}

/** Four float32 are loaded at once where runs allow it. */
function elementWidth(by: Grouping): number {
  return by.run % 4 === 0 ? 4 : 1;
}

/**
 * Into how many parts the elements of a group are split. A GPU hides the latency of loads behind thousands of
 * invocations. A CPU pays for each that starts, and at barriers for each subgroup of a workgroup: there a
 * workgroup is one subgroup, and a group is not split as long as there are enough of them for the cores (1.5
 * to 4 times as fast, measured on lavapipe).
 */
function walkLimits(x: Tensor) {
  return x.device.adapter.software
    ? { workgroup: 8, workgroups: 512, invocations: 128, leastUnits: 16 }
    : { workgroup: 64, workgroups: 65_535, invocations: 131_072, leastUnits: 8 };
}

/** One invocation joins the parts of a group, so their number is kept small. */
const mostSplits = 64;

interface Walk {
  readonly workgroup: number;
  /** Invocations that share a group within a workgroup. */
  readonly lanes: number;
  /** Workgroups among which a group is split. */
  readonly splits: number;
  readonly run: number;
  readonly units: number;
  readonly grid: [number, number, number];
}

/**
 * Splits each group into lanes and parts: as many lanes as a run has units, so that neighbouring lanes read
 * neighbouring units and short runs of neighbouring groups are read side by side; more where there are few groups.
 */
function planWalk(x: Tensor, by: Grouping): Walk {
  const { workgroup, workgroups, invocations, leastUnits } = walkLimits(x);
  const run = by.run / elementWidth(by);
  const units = run * by.rows;
  let lanes = 1;
  while (lanes < workgroup && (lanes < run || (lanes * by.groups < workgroup && lanes < units))) lanes *= 2;
  const wanted = Math.ceil(invocations / (by.groups * lanes));
  const possible = Math.floor(units / (lanes * leastUnits));
  const splits = Math.max(1, Math.min(wanted, possible, mostSplits));
  const blocks = Math.ceil((by.groups * lanes) / workgroup);
  return { workgroup, lanes, splits, run, units, grid: [Math.min(blocks, workgroups), splits, 1] };
}

/** What is done at every element: shader files for group_walk.wgsl, and the buffers they bind from 1 on. */
interface Visit {
  readonly name: string;
  readonly files: readonly ShaderFile[];
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly reads: readonly BufferRange[];
  readonly writes: readonly BufferRange[];
  readonly momentum?: number;
}

function visitGroups(x: Tensor, by: Grouping, settings: NormSettings, walk: Walk, visit: Visit): void {
  const { eps, slope } = settings;
  const element = elementWidth(by) === 4 ? 'vec4' : 'f32';
  const floats = [eps, visit.momentum ?? 0, slope ?? 0, 1 / (by.rows * by.run)];
  x.device.dispatch(
    {
      name: visit.name,
      files: [`elementwise/element_${element}.wgsl`, 'norm/group_walk.wgsl', ...visit.files],
      constants: { WORKGROUP: walk.workgroup, LANES: walk.lanes, ...visit.constants },
      bindings: [...visit.reads.map(() => 'read' as const), ...visit.writes.map(() => 'write' as const)],
    },
    [by.groups, walk.run, walk.units, walk.splits, by.channels, ...floats.map(f32)],
    [...visit.reads, ...visit.writes],
    walk.grid,
    { sizes: [by.rows, by.groups, by.run] },
  );
}

function activation({ slope }: NormSettings): Record<string, Constant> {
  return { ACTIVATION: slope === null ? 0 : slope === 0 ? 1 : 2 };
}

/** How finished sums are written: shader files, their constants, and what they bind from PUBLISH on. */
interface Publish {
  readonly files: readonly ShaderFile[];
  readonly constants: Readonly<Record<string, Constant>>;
  readonly reads: readonly BufferRange[];
  readonly writes: readonly BufferRange[];
  readonly momentum: number;
  /** Whether the parts of a channel must be written one after another. */
  readonly inOrder: boolean;
}

/** Reduces every group: `sums` names the walk, and the files of `Partial` and `join`. */
function sumGroups(
  x: Tensor,
  by: Grouping,
  settings: NormSettings,
  sums: { visit: Visit; partial: ShaderFile },
  publish: Publish,
): void {
  const walk = planWalk(x, by);
  const { visit, partial } = sums;
  const files = [partial, 'norm/join_lanes.wgsl', ...visit.files] as const;
  const PUBLISH = 1 + visit.reads.length;
  if (walk.splits === 1 && !(publish.inOrder && by.parts > 1)) {
    visitGroups(x, by, settings, walk, {
      name: visit.name,
      files: [...files, ...publish.files],
      constants: { ...visit.constants, ...publish.constants, PUBLISH },
      reads: [...visit.reads, ...publish.reads],
      writes: publish.writes,
      momentum: publish.momentum,
    });
    return;
  }
  const partials = empty([walk.splits, by.groups, 4], { device: x.device });
  visitGroups(x, by, settings, walk, {
    ...visit,
    files: [...files, 'norm/publish_partial.wgsl'],
    constants: { ...visit.constants, PUBLISH },
    writes: [partials.range],
  });
  const bindings: Access[] = ['read', ...publish.reads.map(() => 'read' as const)];
  x.device.dispatch(
    {
      name: `${visit.name}_finish`,
      files: ['norm/group_finish.wgsl', partial, ...publish.files],
      constants: { WORKGROUP: flatWorkgroup, ...publish.constants, PUBLISH: 2 },
      bindings: [...bindings, ...publish.writes.map(() => 'write' as const)],
    },
    [by.groups, walk.splits, by.channels, f32(settings.eps), f32(publish.momentum)],
    [partials.range, ...publish.reads, ...publish.writes],
    flatGrid(x.device, by.channels),
  );
  partials.dispose();
}

/** The files, constants and buffers of coefficients_publish.wgsl. */
function publishCoefficients({ weight, bias }: NormSettings, coefficients: Tensor) {
  return {
    file: 'norm/coefficients_publish.wgsl',
    constants: { HAS_WEIGHT: weight !== null, HAS_BIAS: bias !== null },
    // The shader reads neither where it has none; a kernel may not also write what it binds for reading.
    reads: (any: Tensor): BufferRange[] => [(weight ?? any).range, (bias ?? any).range],
    write: coefficients.range,
  } as const;
}

/**
 * The coefficients [groups, 4] of shaders/norm/coefficients.wgsl, from the mean and biased variance of every group;
 * moves `running` towards the mean and the unbiased variance.
 */
export function batchCoefficients(
  x: Tensor,
  by: Grouping,
  settings: NormSettings,
  running: RunningStatistics | null,
): Tensor {
  const { device } = x;
  const coefficients = empty([by.groups, 4], { device });
  const to = publishCoefficients(settings, coefficients);
  const counter = running && (running.batches ?? empty([], { device, dtype: 'int32' }));
  const kept = running ? [running.mean.range, running.variance.range, counter!.range] : [];
  const visit = {
    name: 'norm_statistics',
    files: ['norm/moments_walk.wgsl'],
    reads: [x.range],
    writes: [],
  } as const;
  sumGroups(
    x,
    by,
    settings,
    { visit, partial: 'norm/moments.wgsl' },
    {
      files: [
        'norm/moments_publish.wgsl',
        to.file,
        running ? 'norm/running_stats.wgsl' : 'norm/no_running_stats.wgsl',
      ],
      constants: to.constants,
      reads: to.reads(x),
      writes: [to.write, ...kept],
      momentum: running?.momentum ?? 0,
      inOrder: running !== null,
    },
  );
  if (running && !running.batches) counter!.dispose();
  return coefficients;
}

/** The coefficients [groups, 4] of statistics that do not depend on x. */
export function givenCoefficients(by: Grouping, settings: NormSettings, given: Statistics): Tensor {
  const { device } = given.mean;
  const coefficients = empty([by.groups, 4], { device });
  const to = publishCoefficients(settings, coefficients);
  device.dispatch(
    {
      name: 'norm_coefficients',
      files: ['norm/given_moments.wgsl', to.file],
      constants: { WORKGROUP: flatWorkgroup, PUBLISH: 3, ...to.constants },
      bindings: ['read', 'read', 'read', 'read', 'write'],
    },
    [by.groups, by.channels, f32(settings.eps)],
    [given.mean.range, given.variance.range, ...to.reads(given.mean), to.write],
    flatGrid(device, by.groups),
  );
  return coefficients;
}

/** The normalised x through the activation, of x's shape. */
export function normalize(x: Tensor, by: Grouping, settings: NormSettings, coefficients: Tensor): Tensor {
  const y = empty(x.shape, { device: x.device });
  visitGroups(x, by, settings, planWalk(x, by), {
    name: 'normalize',
    files: ['norm/coefficients.wgsl', 'norm/activation.wgsl', 'norm/normalize.wgsl'],
    constants: activation(settings),
    reads: [x.range, coefficients.range],
    writes: [y.range],
  });
  return y;
}

/** Σ g and Σ g·x̂ of every group: over a channel, the gradients of bias and weight. */
export function gradientSums(
  x: Tensor,
  gy: Tensor,
  by: Grouping,
  settings: NormSettings,
  coefficients: Tensor,
): GradientSums {
  const sum = empty([by.groups], { device: x.device });
  const dot = empty([by.groups], { device: x.device });
  const visit: Visit = {
    name: 'norm_gradient_sums',
    files: ['norm/coefficients.wgsl', 'norm/activation.wgsl', 'norm/gradient_sums_walk.wgsl'],
    constants: activation(settings),
    reads: [x.range, gy.range, coefficients.range],
    writes: [],
  };
  sumGroups(
    x,
    by,
    settings,
    { visit, partial: 'norm/gradient_sums.wgsl' },
    {
      files: ['norm/gradient_sums_publish.wgsl'],
      constants: {},
      reads: [],
      writes: [sum.range, dot.range],
      momentum: 0,
      inOrder: false,
    },
  );
  return { sum, dot };
}

/**
 * The gradient of x given that of y.
 * @param sums of gradientSums when the statistics are those of x itself; null when they do not depend on x.
 */
export function normalizeBackward(
  x: Tensor,
  gy: Tensor,
  by: Grouping,
  settings: NormSettings,
  coefficients: Tensor,
  sums: GradientSums | null,
): Tensor {
  const gx = empty(x.shape, { device: x.device });
  visitGroups(x, by, settings, planWalk(x, by), {
    name: 'normalize_backward',
    files: ['norm/coefficients.wgsl', 'norm/activation.wgsl', 'norm/normalize_backward.wgsl'],
    constants: {
      ...activation(settings),
      BATCH_STATISTICS: sums !== null,
      PAIRS: sums !== null && by.rows * by.run === 2,
    },
    reads: [x, gy, coefficients, sums?.sum ?? coefficients, sums?.dot ?? coefficients].map((t) => t.range),
    writes: [gx.range],
  });
  return gx;
}
