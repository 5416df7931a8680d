// Convolutions whose window is the whole of x, such as a generator's first layer and a logit head: one output
// position, so each product is a plain matrix product of the operands as they lie, with (c, r, s) as one
// axis.
import type { Tensor } from '../tensor.ts';
import type { ConvProduct, ConvSizes, MatmulAlgorithm, MatmulProblem } from './algorithm.ts';

/** The matrix product that a product of such a convolution is. */
export function matmulOf(product: ConvProduct, z: ConvSizes): MatmulProblem {
  const inner = z.c * z.r * z.s;
  if (product === 'forward') {
    // y[n, k] = Σ_(c, r, s) x[n, (c, r, s)] w[k, (c, r, s)]
    const [a, b] = [
      { batch: 0, row: inner, column: 1 },
      { batch: 0, row: 1, column: inner },
    ];
    return { batch: 1, m: z.n, n: z.k, k: inner, a, b };
  }
  const b = { batch: 0, row: inner, column: 1 };
  // gx[n, (c, r, s)] = Σ_k gy[n, k] w[k, (c, r, s)]; as windows, most of what is multiplied would be zeros.
  if (product === 'inputGradient')
    return { batch: 1, m: z.n, n: inner, k: z.k, a: { batch: 0, row: z.k, column: 1 }, b };
  // gw[k, (c, r, s)] = Σ_n gy[n, k] x[n, (c, r, s)]
  return { batch: 1, m: z.k, n: inner, k: z.n, a: { batch: 0, row: 1, column: z.k }, b };
}

/**
 * The three products by an algorithm for matrix products. The input gradient has no bias, which is not one of columns.
 */
export const wholeWindow = {
  forward(by: MatmulAlgorithm, x: Tensor, weight: Tensor, bias: Tensor | null, z: ConvSizes): Tensor {
    return shaped(by.multiply(x, weight, matmulOf('forward', z), bias), [z.n, z.k, 1, 1]);
  },
  inputGradient(by: MatmulAlgorithm, gy: Tensor, weight: Tensor, z: ConvSizes): Tensor {
    return shaped(by.multiply(gy, weight, matmulOf('inputGradient', z), null), [z.n, z.c, z.h, z.w]);
  },
  weightGradient(by: MatmulAlgorithm, x: Tensor, gy: Tensor, z: ConvSizes): Tensor {
    return shaped(by.multiply(gy, x, matmulOf('weightGradient', z), null), [z.k, z.c, z.r, z.s]);
  },
};

function shaped(product: Tensor, shape: readonly number[]): Tensor {
  const view = product.view(shape);
  product.dispose();
  return view;
}
