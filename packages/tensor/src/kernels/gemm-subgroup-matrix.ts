// The core for adapters with products of small float16 matrices (shaders/gemm/core_subgroup_matrix.wgsl): its
// tiles, and the largest magnitudes that operands are scaled by. Not timed on a GPU yet: tile sizes are those
// customary for them.
import type { HalfMatrix } from '../device/adapter.ts';
import type { BufferRange, Device } from '../device/device.ts';
import type { ProductSizes } from './algorithm.ts';
import type { GemmCore, GemmProblem, Launch } from './gemm.ts';

/** Steps of the inner axis that are staged at once. */
const depth = 32;

const largestWorkgroup = 256;

/**
 * Words that an operand's largest magnitude is found in, a workgroup each; every workgroup of the product reads all.
 */
const partsOf = (device: Device): number => (device.adapter.software ? 16 : 256);

/** A product below these sizes is no work for whole matrices, and stays in float32. */
const leastMacs = 2 ** 20;
const leastSide = 16;

/** Whether mixed precision takes float16 for a product: one large enough to gain by it. */
export function gainsByHalf({ macs, m, n, batch }: ProductSizes): boolean {
  return macs >= leastMacs && Math.min(m, n, macs / (m * n * batch)) >= leastSide;
}

/** The side of a tile and the subgroups along both, such that workgroups are multiples of the side and of `depth`. */
function tileFor(device: Device, { lanes }: HalfMatrix, { m, n, batch }: GemmProblem) {
  if (lanes < 32) return { side: 4 * lanes, groups: [2, 2] } as const;
  const large = Math.ceil(m / 128) * Math.ceil(n / 128) * batch;
  const { maxComputeWorkgroupStorageSize: room = 0, maxComputeInvocationsPerWorkgroup: most = 0 } =
    device.adapter.limits;
  // Larger tiles load less, once there are enough of them for every core of a GPU.
  if (large >= 128 && m > 64 && n > 64 && room >= 32_768 && 8 * lanes <= most)
    return { side: 128, groups: [2, 4] } as const;
  return { side: 64, groups: [2, 2] } as const;
}

/**
 * Operands round to float16: two errors of 2^-11 a product, of either sign, of which sums keep the share that
 * they keep of the products themselves: 2^-10 is 2^14 units. What is far below the largest of an operand is 0
 * there, and 0·∞ NaN.
 */
export const subgroupMatrix: GemmCore = {
  name: 'subgroup-matrix',
  errorUnits: 2 ** 14,
  errorGrowth: 1,
  specialValues: 'in place',
  shaders: ['gemm/core_subgroup_matrix.wgsl'],
  untuned: true,
  runsOn: ({ adapter }) => adapter.halfMatrix !== null,
  suits: () => false, // mixed precision asks for it (choose.ts)
  launch,
};

function launch(device: Device, problem: GemmProblem): Launch {
  const matrix = device.adapter.halfMatrix!;
  const { side, groups } = tileFor(device, matrix, problem);
  const { a = 'inner', b = 'outer' } = problem.along ?? {};
  const [first, second] = problem.reads;
  return {
    files: ['gemm/core_subgroup_matrix.wgsl'],
    constants: {
      MATRIX_M: matrix.m,
      MATRIX_N: matrix.n,
      MATRIX_K: matrix.k,
      LANES: matrix.lanes,
      GROUPS_M: groups[0],
      GROUPS_N: groups[1],
      ROWS: side / groups[0] / matrix.m,
      COLUMNS: side / groups[1] / matrix.n,
      DEPTH: depth,
      PARTS: partsOf(device),
      A_ALONG_INNER: a === 'inner',
      B_ALONG_INNER: b === 'inner',
      LARGEST_A: problem.reads.length + 2,
      LARGEST_B: problem.reads.length + 3,
    },
    grid: [Math.ceil(problem.n / side), Math.ceil(problem.m / side), problem.batch],
    halfMatrices: true,
    besides: [largestOf(device, first!), largestOf(device, second!)],
  };
}

/**
 * The largest finite magnitude of a range, as largest_finite.wgsl leaves it; found once for all products of an operand.
 */
function largestOf(device: Device, range: BufferRange): BufferRange {
  const parts = partsOf(device);
  const bytes = 4 * parts;
  const buffer = device.packed(range, 'largest finite', (pool) => {
    const made = pool.acquire(bytes);
    const n = range.bytes / 4;
    device.dispatch(
      {
        name: 'largest_finite',
        files: ['gemm/largest_finite.wgsl'],
        constants: { WORKGROUP: largestWorkgroup, PARTS: parts },
        bindings: ['read', 'write'],
      },
      [n],
      [range, { buffer: made, offset: 0, bytes }],
      [parts, 1, 1],
      { sizes: [n] },
    );
    return made;
  });
  return { buffer, offset: 0, bytes };
}
