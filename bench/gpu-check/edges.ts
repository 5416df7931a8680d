// Products at the edges of tiles, by each algorithm and by the naive one: sizes at and around the sides of
// tiles (64, 128), of small matrices (8, 16), of vectors and of unrolled steps, long inner axes and single rows.
import {
  conv2d,
  convTranspose2d,
  type Device,
  grad,
  matmul,
  readAll,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { Draw, seedOf } from '../../test/verify/draw.ts';
import { type AlgorithmName, onAlgorithm, plainAlgorithm, servedBy } from './forger.ts';

export interface Edge {
  readonly name: string;
  readonly shapes: readonly [x: readonly number[], w: readonly number[]];
  /** Of the result and both gradients, the longest inner axis. */
  readonly terms: number;
  run(x: Tensor, w: Tensor): Tensor;
}

function product(m: number, k: number, n: number, batch = 1): Edge {
  return {
    name: `matmul ${batch > 1 ? `${batch}×` : ''}${m}×${k}×${n}`,
    shapes: [
      [batch, m, k],
      [batch, k, n],
    ],
    terms: Math.max(m, k, n),
    run: matmul,
  };
}

interface Slide {
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
}

const show = (shape: readonly number[], slide: Slide): string =>
  `${shape.join('×')}${Object.entries(slide)
    .map(([key, value]) => ` ${key} ${value}`)
    .join('')}`;

/** @param x N, C, H, W. @param w K, C a group, R, S. */
function convolution(
  x: readonly [number, number, number, number],
  w: readonly [number, number, number, number],
  slide: Slide,
): Edge {
  const places = x[0] * x[2] * x[3];
  return {
    name: `conv2d ${x.join('×')}, ${show(w, slide)}`,
    shapes: [x, w],
    terms: Math.max(w[1] * w[2] * w[3], w[0] * w[2] * w[3], places),
    run: (a, b) => conv2d(a, b, slide),
  };
}

/** @param x N, C, H, W. @param w C, K, R, S. */
function transposed(
  x: readonly [number, number, number, number],
  w: readonly [number, number, number, number],
  slide: Slide,
): Edge {
  const { stride = 1 } = slide;
  return {
    name: `convTranspose2d ${x.join('×')}, ${show(w, slide)}`,
    shapes: [x, w],
    terms: Math.max(w[0] * w[2] * w[3], w[1] * w[2] * w[3], x[0] * x[2] * x[3] * stride ** 2),
    run: (a, b) => convTranspose2d(a, b, slide),
  };
}

/** The layers of a DCGAN: 4×4 kernels, stride 2, padding 1. */
const layer: Slide = { stride: 2, padding: 1 };

export const edges: readonly Edge[] = [
  product(128, 128, 128),
  product(63, 64, 65, 3),
  product(129, 127, 131),
  product(1, 1, 1),
  product(17, 1031, 1),
  product(130, 9, 260),
  product(16, 33, 15),
  convolution([4, 32, 16, 16], [64, 32, 4, 4], layer),
  convolution([3, 33, 18, 15], [65, 33, 4, 4], layer),
  convolution([5, 3, 16, 16], [64, 3, 4, 4], layer),
  convolution([2, 34, 13, 9], [33, 34, 3, 3], { stride: 1, padding: 1 }),
  convolution([5, 17, 4, 4], [1, 17, 4, 4], {}),
  convolution([2, 6, 9, 8], [51, 2, 3, 3], { ...layer, groups: 3 }),
  transposed([4, 64, 8, 8], [64, 32, 4, 4], layer),
  transposed([5, 100, 1, 1], [100, 65, 4, 4], {}),
  transposed([3, 17, 9, 7], [17, 3, 4, 4], layer),
];

export interface EdgeResult {
  /**
   * The largest difference from the plain algorithm's, of the result and both gradients, relative to the
   * largest magnitude.
   */
  readonly difference: number;
  /** Whether a kernel of the algorithm's own took part. */
  readonly served: boolean;
}

interface Operand {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** An edge with operands, and what the plain algorithm makes of them. */
export class EdgeCase {
  readonly edge: Edge;
  readonly #operands: readonly Operand[];
  readonly #plain: readonly ArrayLike<number>[];

  private constructor(edge: Edge, operands: readonly Operand[], plain: readonly ArrayLike<number>[]) {
    this.edge = edge;
    this.#operands = operands;
    this.#plain = plain;
  }

  static async open(device: Device, edge: Edge): Promise<EdgeCase> {
    const draw = new Draw(seedOf(edge.name));
    const random = (shape: readonly number[]) => draw.values(shape, () => draw.normal());
    const [x, w] = [random(edge.shapes[0]), random(edge.shapes[1])];
    const { shape } = device.scope(() => edge.run(upload(device, x), upload(device, w)));
    const operands = [x, w, random(shape)];
    const plain = await read(onAlgorithm(device, plainAlgorithm, () => run(device, edge, operands)));
    return new EdgeCase(edge, operands, plain);
  }

  /** The same on a algorithm, on this device or another. */
  async on(device: Device, algorithm: AlgorithmName): Promise<EdgeResult> {
    const { result, served } = servedBy(device, algorithm, () => run(device, this.edge, this.#operands));
    const values = await read(result);
    const difference = Math.max(...values.map((list, i) => relativeDifference(list, this.#plain[i]!)));
    return { difference, served };
  }
}

const upload = (device: Device, { shape, data }: Operand): Tensor =>
  tensor(Float32Array.from(data), shape, { device });

/** The result and its gradients. */
function run(device: Device, edge: Edge, operands: readonly Operand[]): Tensor[] {
  return device.scope(() => {
    const [x, w, gy] = operands.map((one) => upload(device, one)) as [Tensor, Tensor, Tensor];
    const leaves = [x.requiresGrad_(), w.requiresGrad_()];
    const y = edge.run(x, w);
    return [y.detach(), ...grad(y, leaves, { gradOutputs: [gy] }).map((g) => g!)];
  });
}

async function read(tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> {
  const values = await readAll(tensors);
  for (const t of tensors) t.dispose();
  return values;
}

/** The largest difference over the largest expected magnitude; NaN where either has one. */
export function relativeDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, magnitude] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!));
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
  }
  return difference / (magnitude || 1);
}
