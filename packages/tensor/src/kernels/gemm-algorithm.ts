// What a core of gemm.ts gives: one algorithm for matrix products and for the three products of a convolution.
import type { Algorithm } from './algorithm.ts';
import type { GemmCore } from './gemm.ts';
import { implicitGemm } from './implicit-gemm.ts';
import { matmulBy } from './matmul.ts';

export function gemmAlgorithm(core: GemmCore): Algorithm {
  const { launch: _, suits: __, worthTrying: ___, ...algorithm } = core;
  const matmul = matmulBy(core);
  return { ...algorithm, matmul, convolution: implicitGemm(core, matmul) };
}
