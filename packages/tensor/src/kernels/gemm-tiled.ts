// The usual core of GPUs: 64 × 64 tiles in workgroup memory, 4 × 4 outputs in the registers of each invocation.
import { plainSums } from './algorithm.ts';
import { type GemmCore, largeProduct } from './gemm.ts';

const tile = 64;

/** Fewer rows or columns than this and a tile is mostly empty. */
const leastSide = 16;

export const tiled: GemmCore = {
  name: 'tiled',
  ...plainSums,
  specialValues: 'exact',
  shaders: ['gemm/core_tiled.wgsl'],
  compilesSlowly: true,
  runsOn: () => true,
  suits: (device, sizes) => largeProduct(device, sizes) && sizes.m >= leastSide && sizes.n >= leastSide,
  launch: (_, { m, n, batch }) => ({
    files: tiled.shaders,
    constants: {},
    grid: [Math.ceil(n / tile), Math.ceil(m / tile), batch],
  }),
};
