/**
 * Products of float16 matrices (`core_subgroup_matrix`, `precision: 'mixed'`). What needs an adapter that
 * lists them is skipped elsewhere; that its WGSL is right for the matrices of other adapters is checked by
 * Dawn's null backend everywhere.
 * test/gemm.test.ts holds the core against float64 at every shape.
 */
import {
  backward,
  conv2d,
  convTranspose2d,
  createDevice,
  Device,
  grad,
  type HalfMatrix,
  linear,
  matmul,
  mul,
  readAll,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { create } from 'webgpu';
import { kernelCode } from '../src/device/pipelines.ts';
import { checkPrecision } from '../src/device/precision.ts';

let device: Device;
let mixed: Device | undefined;
beforeAll(async () => {
  device = await createDevice({ halfMatrices: true });
  if (device.adapter.halfMatrix) mixed = await createDevice({ precision: 'mixed' });
});
afterAll(() => {
  device.destroy();
  mixed?.destroy();
});

let state = 7;
/** Numbers in [-1, 1): Numerical Recipes' generator. */
const noise = (size: number): Float32Array =>
  Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const random = (shape: readonly number[], on = device): Tensor =>
  tensor(noise(sizeOf(shape)), shape, { device: on });
const whole = (shape: readonly number[], most: number): Tensor =>
  tensor(
    noise(sizeOf(shape)).map((x) => Math.round(x * most)),
    shape,
    { device },
  );

describe('what an adapter lacks is said', () => {
  const matrix = { operand: 'f16', result: 'f32', m: 16, n: 16, k: 16, lanes: 32 };

  test('in one sentence with the adapter and what to do', () => {
    const without = { ...device.adapter, description: 'Some GPU', halfMatrix: null };
    expect(() => checkPrecision('mixed', without)).toThrow(
      /^Precision mixed was asked for, and the adapter \(Some GPU\) lists no products .*: take float32, or a GPU/,
    );
    expect(() => checkPrecision('float32', without)).not.toThrow();
    expect(() => checkPrecision('mixed', { ...without, halfMatrix: matrix })).not.toThrow();
  });

  test('before a device is opened', async (context) => {
    if (device.adapter.halfMatrix) context.skip('this adapter has float16 matrices');
    await expect(createDevice({ precision: 'mixed' })).rejects.toMatchObject({ name: 'ConfigError' });
    expect(() =>
      device.withAlgorithm('subgroup-matrix', () => matmul(random([4, 4]), random([4, 4]))),
    ).toThrow("This adapter cannot run the algorithm 'subgroup-matrix'.");
  });

  test('nothing experimental is asked of an adapter unless it is wanted', async (context) => {
    if (process.env.FORGER_HALF_MATRICES) context.skip('the environment wants it');
    const plain = await createDevice();
    expect(plain.adapter.features).not.toContain('chromium-experimental-subgroup-matrix');
    expect(plain.adapter.halfMatrix).toBeNull();
    expect(plain.precision).toBe('float32');
    plain.destroy();
  });
});

describe('the kernels are right WGSL for the matrices of', () => {
  const instance = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  let none: Device;
  beforeAll(async () => {
    none = await Device.create({
      name: 'node',
      compilers: 1,
      noAdapterHelp: 'Dawn has no null backend',
      requestAdapter: async () => {
        const adapter = await instance.requestAdapter();
        return adapter && { adapter, detail: 'the null backend' };
      },
      asynchronous: (call) => call(),
    });
  });
  afterAll(() => none.destroy());

  test.each([
    ['NVIDIA', 16, 16, 16, 32],
    ['NVIDIA', 16, 8, 16, 32],
    ['NVIDIA', 16, 8, 8, 32],
    ['Apple', 8, 8, 8, 32],
    ['AMD', 16, 16, 16, 64],
    ['Intel', 8, 16, 16, 16],
    ['lavapipe', 8, 8, 8, 8],
  ])('%s: %i×%i×%i, %i lanes', async (_, m, n, k, lanes) => {
    const halfMatrix: HalfMatrix = { operand: 'f16', result: 'f32', m, n, k, lanes };
    Object.assign(none.adapter, {
      halfMatrix,
      software: false,
      limits: {
        ...none.adapter.limits,
        maxComputeWorkgroupStorageSize: 49_152,
        maxComputeInvocationsPerWorkgroup: 1024,
      },
    });
    const zeros = (...shape: number[]) => tensor(new Float32Array(sizeOf(shape)), shape, { device: none });
    const kernels = none.dryRun(() =>
      none.withAlgorithm('subgroup-matrix', () => {
        // A small product takes small tiles, a large one large ones; the gradients read operands along the other axis.
        for (const side of [17, 2048]) {
          const [rows, weight] = [zeros(side, 32).requiresGrad_(), zeros(side, 32).requiresGrad_()];
          grad(sum(linear(rows, weight)), [rows, weight]);
        }
        const [x, w] = [zeros(64, 8, 32, 32).requiresGrad_(), zeros(72, 8, 4, 4).requiresGrad_()];
        const y = conv2d(x, w, { stride: 2, padding: 1, bias: zeros(72) });
        grad(sum(y), [x, w]);
        convTranspose2d(y, w, { stride: 2, padding: 1, bias: zeros(8) });
      }),
    );
    const sources = kernels.map(({ source }) => source).filter((source) => source.halfMatrices);
    expect(new Set(sources.map(({ name }) => name))).toEqual(
      new Set(
        ['matmul', 'conv_forward', 'conv_input_gradient', 'conv_weight_gradient'].map(
          (p) => `${p}/subgroup-matrix`,
        ),
      ),
    );
    const shapes = sources.map(({ constants }) => JSON.stringify(constants));
    for (const a of [true, false]) expect(shapes.join()).toContain(`"A_ALONG_INNER":${a}`);
    for (const b of [true, false]) expect(shapes.join()).toContain(`"B_ALONG_INNER":${b}`);
    if (lanes >= 32) for (const groups of [2, 4]) expect(shapes.join()).toContain(`"GROUPS_N":${groups}`);
    for (const source of sources) {
      none.gpu.pushErrorScope('validation');
      none.gpu.createShaderModule({ code: kernelCode(source) });
      const error = await none.gpu.popErrorScope();
      expect(error?.message, `${source.name} ${JSON.stringify(source.constants)}`).toBeUndefined();
    }
  });
});

describe('on float16 matrices', () => {
  beforeEach((context) => {
    if (!mixed) context.skip('this adapter lists no products of float16 matrices summed in float32');
  });

  /** The product by the core, and each result's largest allowed error, from the factors as float64. */
  async function check(
    [m, k, n]: readonly [number, number, number],
    left: Float32Array,
    right: Float32Array,
  ): Promise<void> {
    const product = device.withAlgorithm('subgroup-matrix', () =>
      matmul(tensor(left, [m, k], { device }), tensor(right, [k, n], { device })),
    );
    const actual = await product.data();
    const most = (values: Float32Array): number => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const [mostA, mostB] = [most(left), most(right)];
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let [expected, allowed] = [0, 2 ** -126];
        for (let p = 0; p < k; p++) {
          const [a, b] = [left[i * k + p]!, right[p * n + j]!];
          expected += a * b;
          // A factor errs by 2^-11 of itself, or, below float16's least normal number, which may be flushed
          // to 0, by 2^-28 of the operand's largest, or, where float32 flushes it, by itself; a sum in
          // float32 by 2^-23 of its terms for each, if it truncates.
          const errorOf = (x: number, largest: number): number =>
            Math.abs(x) < 2 ** -126 ? Math.abs(x) : Math.max(2 ** -11 * Math.abs(x), 2 ** -28 * largest);
          const [errorA, errorB] = [errorOf(a, mostA), errorOf(b, mostB)];
          allowed += errorA * Math.abs(b) + errorB * Math.abs(a) + errorA * errorB;
          allowed += (k + 2) * 2 ** -23 * Math.abs(a * b);
        }
        const error = Math.abs(actual[i * n + j]! - expected);
        if (!(error <= allowed)) expect.fail(`[${i}, ${j}] is ${actual[i * n + j]}, should be ${expected}`);
      }
    }
  }

  test.each([
    ['ordinary numbers', 1, 1],
    ['gradients far below float16, beside weights', 1e-20, 0.02],
    ['both small', 1e-12, 1e-15],
    ['activations far beyond float16', 1e9, 1],
    ['both beyond, and the scales undo each other', 1e20, 1e-20],
    ['the ends of float32', 1e38, 1e-38],
    ['a result beyond neither, of factors at the ends', 3e-38, 3e37],
  ])('%s: magnitudes of %d and %d', async (_, a, b) => {
    const [m, k, n] = [33, 70, 67];
    await check(
      [m, k, n],
      noise(m * k).map((x) => x * a),
      noise(k * n).map((x) => x * b),
    );
  });

  test('magnitudes that span float16 and more within an operand', async () => {
    const [m, k, n] = [40, 41, 42];
    const spread = (size: number) => noise(size).map((x, i) => x * 10 ** -(i % 12));
    await check([m, k, n], spread(m * k), spread(k * n));
  });

  test('whole numbers come out as the plain core has them, to the bit', async () => {
    // Up to 40, these and all of their sums are exact in float16 and float32.
    const x = whole([3, 17, 9, 11], 40).requiresGrad_();
    const w = whole([33, 17, 4, 4], 40).requiresGrad_();
    const gy = whole([3, 33, 4, 5], 40).requiresGrad_();
    const run = (): (Tensor | null)[] => {
      const y = conv2d(x, w, { stride: 2, padding: 1 });
      const first = grad(y, [x, w], { gradOutputs: [gy], createGraph: true });
      return [y, ...first, ...grad(sum(mul(first[1], w.detach())), [x, gy])];
    };
    const [exact, plain] = [device.withAlgorithm('subgroup-matrix', run), device.withAlgorithm('naive', run)];
    expect(await readAll(exact.map((t) => t!))).toEqual(await readAll(plain.map((t) => t!)));
  });

  test('zeros, infinities and NaN', async () => {
    const product = async (left: number[], right: number[]): Promise<number[]> => [
      ...(await device
        .withAlgorithm('subgroup-matrix', () =>
          matmul(tensor(left, [2, 2], { device }), tensor(right, [2, 2], { device })),
        )
        .data()),
    ];
    const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];
    expect(await product([0, 0, 0, 0], [1, 2, 3, 4])).toEqual([0, 0, 0, 0]);
    expect(await product([inf, 1, 3e4, 1e5], [2, 1, 1, 1])).toEqual(
      [inf, inf, 6e4 + 1e5, 3e4 + 1e5].map(near),
    );
    expect(await product([1, 1, 0, -inf], [1, 2, 3, 4])).toEqual([4, 6, -inf, -inf]);
    expect(await product([nan, 1, 1, 1], [1, 1, 1, 1])).toEqual([nan, nan, 2, 2]);
  });

  // 10⁵ rounds to float16 by 2^-11 of itself at most.
  const near = (x: number): number =>
    Number.isFinite(x) ? (expect.closeTo(x, -Math.log10(x * 2 ** -10)) as unknown as number) : x;

  test('an operand that changed is scaled anew', async () => {
    const [a, b] = [random([16, 16]), random([16, 16])];
    const run = () => device.withAlgorithm('subgroup-matrix', () => matmul(a, b));
    const before = await run().data();
    device.upload(
      a.range,
      (await a.data()).map((x) => x * 2 ** 20),
    );
    expect(await run().data()).toEqual(before.map((x) => x * 2 ** 20));
  });

  test('mixed precision takes them for large products alone, and replays to the same bits', async (context) => {
    if (process.env.FORGER_VARIANT) context.skip('every product is made by one core');
    const on = mixed!;
    const x = random([4, 32, 16, 16], on).keep();
    const w = random([64, 32, 4, 4], on).keep();
    const few = random([1, 32, 4, 4], on).keep();
    const step = (): Tensor[] => {
      const [input, weight] = [x.detach().requiresGrad_(), w.detach().requiresGrad_()];
      const y = conv2d(input, weight, { stride: 2, padding: 1 });
      const head = conv2d(input, few, { stride: 2, padding: 1 });
      backward(sum(mul(y, y)));
      return [y, head, input.grad!, weight.grad!];
    };
    const names = on.dryRun(() => void step()).map(({ source }) => source.name);
    for (const product of ['forward', 'input_gradient', 'weight_gradient'])
      expect(names).toContain(`conv_${product}/subgroup-matrix`);
    expect(names.filter((name) => name === 'conv_forward/subgroup-matrix')).toHaveLength(1);
    const eager = await readAll(on.scope(step).map((t) => t.keep()));
    const plan = on.capture(step);
    plan.replay();
    expect(await readAll(plan.result)).toEqual(eager);
    plan.dispose();
  });
});
