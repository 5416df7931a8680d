// The products of a DCGAN's step at 64×64, width 64, batch 128, and square matrix products, on random operands.
import { conv2d, convTranspose2d, type Device, grad, matmul, type Tensor, tensor } from '@forger/tensor';

/** One product of a layer, or a matrix product. */
export interface Product {
  /** The group that results are reported in. */
  readonly kind: string;
  /** In a few characters, for the table. */
  readonly brief: string;
  readonly shape: string;
  readonly flop: number;
  /** Of its longest sum. */
  readonly terms: number;
  /** Makes its operands. */
  open(): OpenProduct;
}

export interface OpenProduct {
  run(): Tensor;
  dispose(): void;
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

/** Random numbers in [-1, 1). */
export function noise(shape: readonly number[], device: Device): Tensor {
  let state = shape.length;
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0; // Numerical Recipes' generator
    return state / 2 ** 31;
  });
  return tensor(values, shape, { device }).keep();
}

function opened(run: () => Tensor, ...operands: readonly Tensor[]): OpenProduct {
  return {
    run,
    dispose: () => {
      for (const t of operands) t.dispose();
    },
  };
}

/** The three products of a layer with square images and 4×4 kernels. */
function layerProducts(
  device: Device,
  [n, c, side]: readonly [number, number, number],
  filters: number,
  { stride = 1, padding = 0 }: { stride?: number; padding?: number },
): Product[] {
  const slide = { stride, padding };
  const out = Math.floor((side + 2 * padding - 4) / stride) + 1;
  const makeX = (): Tensor => noise([n, c, side, side], device);
  const makeW = (): Tensor => noise([filters, c, 4, 4], device);
  const makeY = (): Tensor => noise([n, filters, out, out], device);
  const about = {
    brief: `${c}→${filters}`,
    shape: `${n}×${c}×${side}×${side} → ${filters}`,
    flop: 2 * n * filters * out * out * c * 16,
  };
  return [
    {
      ...about,
      kind: 'forward',
      terms: 16 * c,
      open: () => {
        const [x, w] = [makeX(), makeW()];
        return opened(() => conv2d(x, w, slide), x, w);
      },
    },
    {
      ...about,
      kind: 'input gradient',
      terms: 16 * filters,
      open: () => {
        const [y, w] = [makeY(), makeW()];
        return opened(() => convTranspose2d(y, w, slide), y, w);
      },
    },
    {
      ...about,
      kind: 'weight gradient',
      terms: n * out * out,
      open: () => {
        const [x, y, w] = [makeX(), makeY(), makeW().requiresGrad_()];
        const output = conv2d(x, w, slide).keep();
        return opened(() => grad(output, [w], { gradOutputs: [y] })[0]!, x, y, w, output);
      },
    },
  ];
}

function squareProduct(device: Device, side: number): Product {
  const shape = `${side}³`;
  return {
    kind: 'matmul',
    brief: shape,
    shape,
    flop: 2 * side ** 3,
    terms: side,
    open: () => {
      const [a, b] = [noise([side, side], device), noise([side, side], device)];
      return opened(() => matmul(a, b), a, b);
    },
  };
}

/** All of them. */
export function productsOn(device: Device): readonly Product[] {
  const slide = { stride: 2, padding: 1 };
  return [
    ...layers.toReversed().flatMap(([c, side, k]) => layerProducts(device, [BATCH, c, side], k, slide)),
    ...squares.map((side) => squareProduct(device, side)),
    ...layerProducts(device, [BATCH, 512, 4], 1, {}),
    // A generator's first layer is the input gradient of a convolution that ends in one value.
    ...layerProducts(device, [BATCH, 512, 4], 100, {}),
  ];
}
