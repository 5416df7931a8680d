// The batched matrix product that matmul and every convolution run on: joins a problem (what A, B and C are)
// to a core (how outputs map to invocations) and records the dispatch.
import type { BufferRange, Device, FloatParam } from '../device/device.ts';
import type { Constant } from '../device/pipelines.ts';
import { ShapeError } from '../errors.ts';
import type { ShaderFile } from '../shaders.generated.ts';
import type { Algorithm, ProductSizes } from './algorithm.ts';

/** What is multiplied: shader files that define the operands, and the sizes that the cores need. */
export interface GemmProblem extends ProductSizes {
  readonly name: string;
  readonly files: readonly ShaderFile[];
  readonly constants: Readonly<Record<string, Constant>>;
  readonly params: readonly (number | FloatParam)[];
  /** What the kernel reads, A and B first. */
  readonly reads: readonly BufferRange[];
  readonly output: BufferRange;
  /** Along which axis neighbours of A, and of B, lie beside each other in memory. Default inner for A, outer for B. */
  readonly along?: { readonly a?: 'inner' | 'outer'; readonly b?: 'inner' | 'outer' };
  /** Along which axis four values of A are neighbours in `reads[0]`, at a multiple of four elements, if any. */
  readonly quads?: 'inner' | 'outer' | null;
}

/** How a core is launched: what is linked behind the problem's files, and the grid. */
export interface Launch {
  files: readonly ShaderFile[];
  constants: Record<string, Constant>;
  grid: [number, number, number];
  subgroups?: boolean;
  halfMatrices?: boolean;
  /** What the core reads besides the problem, bound after the output. */
  besides?: readonly BufferRange[];
}

/** A core makes a kernel with every problem, so each gives an algorithm for matrix products and convolutions alike. */
export interface GemmCore extends Omit<Algorithm, 'convolution' | 'matmul'> {
  /** The rule: see `ConvAlgorithm`. */
  suits(device: Device, sizes: ProductSizes): boolean;
  /** Whether the tuner should time it; default yes. */
  readonly worthTrying?: {
    convolution?(sizes: ProductSizes): boolean;
    matmul?(sizes: ProductSizes): boolean;
  };
  launch(device: Device, problem: GemmProblem): Launch;
}

/** Multiply-adds below which the plain core is as good, and compiles in a tenth of the time. */
const smallProblem = 2 ** 20;

/** Whether a product is large enough for a core that is faster than the plain one. */
export function largeProduct(device: Device, { macs, n }: ProductSizes): boolean {
  return macs >= smallProblem && !(device.adapter.software && n < 16);
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

/** [products,] rows, columns, inner axis. */
function productSizes({ macs, m, n, batch }: ProductSizes): number[] {
  const sizes = [m, n, Math.round(macs / (m * n * batch))];
  return batch === 1 ? sizes : [batch, ...sizes];
}

/** Records the products. Throws ShapeError when the grid would pass WebGPU's 65,535 workgroups in a dimension. */
export function gemm(device: Device, core: GemmCore, problem: GemmProblem): void {
  const { files, grid, besides = [], ...launch } = core.launch(device, problem);
  if (grid.some((n) => n > 65_535)) {
    throw new ShapeError(
      `${problem.name}: ${problem.batch} products of ${problem.m} × ${problem.n} are more than one dispatch can hold (65,535 products, or as many tiles a side); compute the leading dimensions, groups or batch in parts.`,
    );
  }
  device.dispatch(
    {
      name: `${problem.name}/${core.name}`,
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
