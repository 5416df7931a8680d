// Matrix products of operands that are packed into textures first, four values to a texel: the transforms of
// Winograd's method with the form F(1, 1), which only pack, around the texel product.
import type { Device } from '../../device/device.ts';
import type { MatmulAlgorithm, MatmulProblem } from '../algorithm.ts';
import { texelProduct, tilesOf } from './texel-product.ts';
import {
  fitsTransforms,
  inverseTransform,
  type Operand,
  transform,
  type WinogradForm,
} from './winograd-transforms.ts';

/** No transform: tiles of one value, and one product each. */
const plain: WinogradForm = { file: 'winograd/f1x1.wgsl', outputs: 1, taps: 1 };

/** Multiply-adds below which packing the operands is not worth its dispatches. */
const leastMacs = 2 ** 20;

const rowOfPlanes = { h: 1, padding: [0, 0], stride: 1 } as const;

/** A matrix whose inner axis is the channels of planes of one row; null when it does not lie so. */
function planesOf(outer: number, inner: number, outerStride: number, innerStride: number): Operand | null {
  const planes = { ...rowOfPlanes, role: 'input', channels: inner } as const;
  if (innerStride === 1 && outerStride === inner) return { ...planes, images: outer, w: 1, tiles: [1, 1] };
  if (outerStride === 1 && innerStride === outer)
    return { ...planes, images: 1, w: outer, tiles: [1, outer] };
  return null;
}

const leftOf = ({ m, k, a }: MatmulProblem) => planesOf(m, k, a.row, a.column);
const rightOf = ({ n, k, b }: MatmulProblem) => planesOf(n, k, b.column, b.row);

function resultOf({ m, n }: MatmulProblem): Operand {
  return { ...rowOfPlanes, role: 'output', images: m, channels: n, w: 1, tiles: [1, 1] };
}

function supports(device: Device, problem: MatmulProblem): boolean {
  const operands = [leftOf(problem), rightOf(problem), resultOf(problem)];
  return problem.batch === 1 && operands.every((o) => o !== null && fitsTransforms(device, o, plain));
}

export const matmulOnTextures: MatmulAlgorithm = {
  supports,
  /** Where it pays and keeps both cores busy. */
  suits(_, { m, n, k }) {
    const workgroups = tilesOf(Math.min(m, n), Math.max(m, n));
    return m * n * k >= leastMacs && Math.min(m, n) >= 8 && workgroups >= 2;
  },
  multiply(a, b, problem, bias) {
    const product = inverseTransform(resultOf(problem), plain, bias, a, (c) =>
      texelProduct(
        a.device,
        'matmul/texture',
        { ...transform(b, rightOf(problem)!, plain), along: 'inner' },
        { ...transform(a, leftOf(problem)!, plain), along: 'inner' },
        c,
      ),
    );
    const view = product.view([1, problem.m, problem.n]);
    product.dispose();
    return view;
  },
};
