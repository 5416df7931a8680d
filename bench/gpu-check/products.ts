// The products of a DCGAN's step at 64×64, width 64, batch 128, and square matrix products, on random operands.
import { conv2d, convTranspose2d, type Device, grad, matmul, type Tensor, tensor } from '@forger/tensor';
import { Draw } from '../../test/verify/draw.ts';

/** One product of a layer, or a matrix product. */
export interface Product {
  /** What is told of together. */
  readonly kind: string;
  /** In a few characters, for the table. */
  readonly brief: string;
  readonly shape: string;
  readonly flop: number;
  readonly terms: number;
  readonly run: () => Tensor;
}

export const BATCH = 128;

/** Channels in, side, channels out of the convolutions of 4×4 kernels and stride 2 in both networks. */
const layers = [
  [3, 64, 64],
  [64, 32, 128],
  [128, 16, 256],
  [256, 8, 512],
] as const;

const squares = [512, 1024, 2048, 4096];

/** Random numbers in [-1/2, 1/2). */
export function noise(shape: readonly number[], device: Device): Tensor {
  const draw = new Draw(shape.length);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draw.uniform() - 0.5);
  return tensor(values, shape, { device }).keep();
}

/** The three products of a layer with 4×4 kernels. */
function* layerProducts(
  device: Device,
  brief: string,
  xShape: readonly number[],
  filters: number,
  slide: { stride?: number; padding?: number },
): Iterable<Product> {
  const [n, c, h] = xShape as [number, number, number];
  const x = noise(xShape, device);
  const w = noise([filters, c, 4, 4], device);
  const leaf = w.detach().requiresGrad_().keep();
  const output = conv2d(x, leaf, slide).keep();
  const y = noise(output.shape, device);
  const side = output.shape[2]!;
  const flop = 2 * y.size * c * 16;
  const shape = `${n}×${c}×${h}×${h} → ${filters}`;
  yield { kind: 'forward', brief, shape, flop, terms: 16 * c, run: () => conv2d(x, w, slide) };
  yield {
    kind: 'input gradient',
    brief,
    shape,
    flop,
    terms: 16 * filters,
    run: () => convTranspose2d(y, w, slide),
  };
  yield {
    kind: 'weight gradient',
    brief,
    shape,
    flop,
    terms: n * side * side,
    run: () => grad(output, [leaf], { gradOutputs: [y] })[0]!,
  };
  for (const t of [x, w, leaf, output, y]) t.dispose();
}

function* squareProducts(device: Device): Iterable<Product> {
  for (const side of squares) {
    const [a, b] = [noise([side, side], device), noise([side, side], device)];
    const flop = 2 * side ** 3;
    const shape = `${side}³`;
    yield { kind: 'matmul', brief: shape, shape, flop, terms: side, run: () => matmul(a, b) };
    for (const t of [a, b]) t.dispose();
  }
}

/** All of them, the most work first; the operands of each live until the next is asked for. */
export function* products(device: Device): Iterable<Product> {
  for (const [c, side, filters] of layers.toReversed())
    yield* layerProducts(device, `${c}→${filters}`, [BATCH, c, side, side], filters, {
      stride: 2,
      padding: 1,
    });
  yield* squareProducts(device);
  yield* layerProducts(device, '512→1', [BATCH, 512, 4, 4], 1, {});
  // A generator's first layer is the input gradient of a convolution that ends in one value.
  yield* layerProducts(device, '512→100', [BATCH, 512, 4, 4], 100, {});
}
