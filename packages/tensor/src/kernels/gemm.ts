// The batched matrix product that matmul and every convolution run on: picks a core (how outputs map to
// invocations) for a problem (what A, B and C are) and records the dispatch.
import type { BufferRange, Device, FloatParam } from '../device/device.ts';
import type { Constant } from '../device/pipelines.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import { matrixLaunch } from './gemm-matrix.ts';

/**
 * Cores, the plain reference first: the same in twice the precision, the GPU tile, the one for costly loads, and `matrix`,
 * whose operands are float16: no product takes it but where mixed precision or a caller asks for it. `texture`
 * serves matrix products and convolutions that are neither grouped nor dilated (conv-texture.ts), and the forms of
 * Winograd's method those whose kernel has as many taps (conv-winograd.ts), and `thin` those of few input channels
 * (conv-thin.ts); other products take the core that suits them.
 */
export type GemmCore =
  | 'naive'
  | 'compensated'
  | 'tiled'
  | 'subgroup'
  | 'uniform'
  | 'matrix'
  | 'texture'
  | 'f2x2'
  | 'f3x2'
  | 'f4x2'
  | 'f2x3'
  | 'thin';

export const gemmCores: readonly GemmCore[] = [
  'naive',
  'compensated',
  'tiled',
  'subgroup',
  'uniform',
  'matrix',
  'texture',
  'f2x2',
  'f3x2',
  'f4x2',
  'f2x3',
  'thin',
];

/** Cores with a kernel of their own for every product; the others serve what they can. */
type PlainCore = 'naive' | 'compensated' | 'tiled' | 'subgroup' | 'uniform' | 'matrix';

export const isPlainCore = (core: GemmCore): core is PlainCore => gemmCores.indexOf(core) < 6;

/** What is multiplied: shader files that define the operands, and the sizes that the cores need. */
export interface GemmProblem {
  readonly name: string;
  readonly files: readonly ShaderFile[];
  readonly constants: Readonly<Record<string, Constant>>;
  readonly params: readonly (number | FloatParam)[];
  /** What the kernel reads, A and B first. */
  readonly reads: readonly BufferRange[];
  readonly output: BufferRange;
  /** Multiply-adds of all products together. */
  readonly macs: number;
  /** Rows and columns of one product, and the number of products. */
  readonly m: number;
  readonly n: number;
  readonly batch: number;
  /** Along which axis neighbours of A, and of B, lie beside each other in memory. Default inner for A, outer for B. */
  readonly along?: { readonly a?: 'inner' | 'outer'; readonly b?: 'inner' | 'outer' };
  /** Along which axis four values of A are neighbours in `reads[0]`, at a multiple of four elements, if any. */
  readonly quads?: 'inner' | 'outer' | null;
}

let forced: GemmCore | null = null;

/** Runs `fn` with one core for every product, for tests and benchmarks that compare the variants. */
export function withGemmCore<T>(core: GemmCore, fn: () => T): T {
  const before = forced;
  forced = core;
  try {
    return fn();
  } finally {
    forced = before;
  }
}

/** Takes one core for every product from now on, or with null the one that suits each; for `--variant`. */
export function forceGemmCore(core: GemmCore | null): void {
  forced = core;
}

/** The core that `withGemmCore` asks for, if any. */
export function forcedCore(): GemmCore | null {
  return forced;
}

/** Whether this adapter can run a core. */
export function supportsCore(device: Device, core: GemmCore): boolean {
  const { features, adapter } = device;
  const [least, most] = adapter.subgroupSize;
  if (core === 'matrix') return adapter.halfMatrix !== null;
  // There a lane is an output channel: their number must be known.
  if (core === 'thin') return features.has('subgroups') && least >= 8 && least === most;
  if (core === 'subgroup' || !isPlainCore(core)) return features.has('subgroups') && least >= 8;
  return true;
}

/** Multiply-adds below which the plain core is as good, and compiles in a tenth of the time. */
const smallProblem = 2 ** 20;

/** Fewer rows or columns than this and a 64×64 tile is mostly empty. */
const leastForTile = 16;

function chooseCore(device: Device, problem: GemmProblem): PlainCore {
  if (forced && isPlainCore(forced)) {
    if (!supportsCore(device, forced)) throw new ConfigError(`This adapter cannot run the ${forced} core.`);
    return forced;
  }
  if (problem.macs < smallProblem || (device.adapter.software && problem.n < 16)) return 'naive';
  if (device.adapter.software && supportsCore(device, 'subgroup')) return 'subgroup';
  return problem.m >= leastForTile && problem.n >= leastForTile ? 'tiled' : 'naive';
}

/** Workgroups that keep the device busy: a few for each CPU core, many on a GPU. */
export function wantedWorkgroups(device: Device): number {
  return device.adapter.software ? 8 : 512;
}

/** Into how many parts to cut an inner axis of `k` so that small outputs still fill the device. */
export function innerSplits(device: Device, m: number, n: number, batch: number, k: number): number {
  const tiles = device.adapter.software
    ? Math.ceil(m / 16) * Math.ceil(n / 64)
    : Math.ceil(m / 64) * Math.ceil(n / 64);
  const wanted = Math.ceil(wantedWorkgroups(device) / (tiles * batch));
  const leastPart = 128;
  return Math.max(1, Math.min(wanted, Math.floor(k / leastPart)));
}

export interface Launch {
  files: readonly ShaderFile[];
  constants: Record<string, Constant>;
  grid: [number, number, number];
  subgroups?: boolean;
  halfMatrices?: boolean;
  /** What the core reads besides the problem, bound after the output. */
  besides?: readonly BufferRange[];
}

function launchOf(device: Device, core: PlainCore, problem: GemmProblem): Launch {
  const { m, n, batch } = problem;
  if (core === 'matrix') return matrixLaunch(device, problem);
  if (core === 'tiled') {
    return {
      files: ['gemm/core_tiled.wgsl'],
      constants: {},
      grid: [Math.ceil(n / 64), Math.ceil(m / 64), batch],
    };
  }
  if (core === 'naive' || core === 'compensated') {
    const grid: [number, number, number] = [Math.min(65_535, Math.ceil((m * n) / 64)), 1, batch];
    return { files: [`gemm/core_${core}.wgsl`], constants: { WORKGROUP: 64 }, grid };
  }
  const rowVectors = m <= 4 ? 1 : m <= 8 ? 2 : m < 32 ? 4 : 8;
  const blocks = Math.ceil(m / (4 * rowVectors)) * batch;
  // Narrow workgroups when there is little to share out, wide ones otherwise; on GPUs a subgroup must be filled.
  const least = device.adapter.software ? Math.max(8, device.adapter.subgroupSize[1]) : 64;
  let workgroup = 64;
  while (workgroup > least && blocks * Math.ceil(n / (4 * workgroup)) < wantedWorkgroups(device))
    workgroup /= 2;
  const grid: [number, number, number] = [
    Math.ceil(n / (4 * workgroup)),
    Math.ceil(m / (4 * rowVectors)),
    batch,
  ];
  const constants = { WORKGROUP: workgroup, ROW_VECTORS: rowVectors };
  if (core === 'subgroup') return { files: ['gemm/core_subgroup.wgsl'], constants, grid, subgroups: true };
  if (!problem.quads) return { files: ['gemm/core_uniform.wgsl', 'gemm/a_singles.wgsl'], constants, grid };
  return {
    files: ['gemm/core_uniform.wgsl', `gemm/a_quads_${problem.quads}.wgsl`],
    // Behind params, what the problem reads and the output.
    constants: { ...constants, A_QUADS: problem.reads.length + 2 },
    grid,
    besides: [problem.reads[0]!],
  };
}

/** [products,] rows, columns, inner axis. */
function productSizes({ macs, m, n, batch }: GemmProblem): number[] {
  const sizes = [m, n, Math.round(macs / (m * n * batch))];
  return batch === 1 ? sizes : [batch, ...sizes];
}

/** Records the products. Throws ShapeError when the grid would pass WebGPU's 65,535 workgroups in a dimension. */
export function gemm(device: Device, problem: GemmProblem): void {
  const core = chooseCore(device, problem);
  const { files, grid, besides = [], ...launch } = launchOf(device, core, problem);
  if (grid.some((n) => n > 65_535)) {
    throw new ShapeError(
      `${problem.name}: ${problem.batch} products of ${problem.m} × ${problem.n} are more than one dispatch can hold (65,535 products, or as many tiles a side); compute the leading dimensions, groups or batch in parts.`,
    );
  }
  device.dispatch(
    {
      name: `${problem.name}/${core}`,
      ...launch,
      files: [...problem.files, ...files],
      constants: { ...problem.constants, ...launch.constants },
      bindings: [...problem.reads.map(() => 'read' as const), 'write', ...besides.map(() => 'read' as const)],
    },
    problem.params,
    [...problem.reads, problem.output, ...besides],
    grid,
    { flop: 2 * problem.macs, sizes: productSizes(problem) },
  );
}
