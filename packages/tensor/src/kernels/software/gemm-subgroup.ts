// Cores for adapters where a load costs far more than a multiply-add: up to 32 × 4 outputs in the registers
// of an invocation.
// `subgroup` shares values of A by subgroup broadcasts; `uniform` leaves that to drivers that load once what
// all lanes read (lavapipe from Mesa 26 on).
import type { Device } from '../../device/device.ts';
import { plainSums } from '../algorithm.ts';
import { type GemmCore, type GemmProblem, type Launch, largeProduct, wantedWorkgroups } from '../gemm.ts';

/** What both launch: workgroups of a row of outputs, ROW_VECTORS × 4 rows by 4 columns an invocation. */
function blocks(device: Device, { m, n, batch }: GemmProblem): Pick<Launch, 'grid' | 'constants'> {
  const rowVectors = m <= 4 ? 1 : m <= 8 ? 2 : m < 32 ? 4 : 8;
  const count = Math.ceil(m / (4 * rowVectors)) * batch;
  // Narrow workgroups when there is little to share out, wide ones otherwise; on GPUs a subgroup must be filled.
  const least = device.adapter.software ? Math.max(8, device.adapter.subgroupSize[1]) : 64;
  let workgroup = 64;
  while (workgroup > least && count * Math.ceil(n / (4 * workgroup)) < wantedWorkgroups(device))
    workgroup /= 2;
  return {
    grid: [Math.ceil(n / (4 * workgroup)), Math.ceil(m / (4 * rowVectors)), batch],
    constants: { WORKGROUP: workgroup, ROW_VECTORS: rowVectors },
  };
}

/** Whether an adapter has subgroups of at least 8 lanes. */
export function hasSubgroups({ features, adapter }: Device): boolean {
  return features.has('subgroups') && adapter.subgroupSize[0] >= 8;
}

export const subgroup: GemmCore = {
  name: 'subgroup',
  ...plainSums,
  specialValues: 'exact',
  shaders: ['gemm/core_subgroup.wgsl'],
  compilesSlowly: true,
  runsOn: hasSubgroups,
  suits: largeProduct,
  launch: (device, problem) => ({
    files: subgroup.shaders,
    ...blocks(device, problem),
    subgroups: true,
  }),
};

export const uniform: GemmCore = {
  name: 'uniform',
  ...plainSums,
  specialValues: 'exact',
  shaders: ['gemm/core_uniform.wgsl'],
  compilesSlowly: true,
  runsOn: () => true,
  suits: () => false, // where it is known to be faster, kernel defaults and the tuner say so
  // Enough rows and columns to fill it, and few enough blocks of rows for a grid.
  worthTrying: { matmul: ({ m, n }) => Math.min(m, n) >= 16 && m <= 8 * 65_535 },
  launch(device, problem) {
    const { grid, constants } = blocks(device, problem);
    if (!problem.quads) return { files: [...uniform.shaders, 'gemm/a_singles.wgsl'], constants, grid };
    return {
      files: [...uniform.shaders, `gemm/a_quads_${problem.quads}.wgsl`],
      // Behind params, what the problem reads and the output.
      constants: { ...constants, A_QUADS: problem.reads.length + 2 },
      grid,
      besides: [problem.reads[0]!],
    };
  },
};
