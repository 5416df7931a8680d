/**
 * Tests of the float64 reference itself: gradients against finite differences, second derivatives against symmetry
 * and closed forms, the conventions at kinks, and results and gradients against golden cases computed by PyTorch.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goldenCase, goldenFiles } from './golden/cases.ts';
import { dot, map, type Ref, ref, sameShape } from './reference/array.ts';
import { numericalGradient, secondDirectional, secondGradients } from './reference/finite.ts';
import { referenceOp, referenceOps } from './reference/index.ts';
import { updatedRunningStats } from './reference/norm.ts';
import { erf } from './reference/unary.ts';
import { relativeError } from './support/errors.ts';
import { opNames } from './verify/cases.ts';
import { samplesOf } from './verify/samples.ts';

/** The error of a reference array; NaN for another shape. */
const errorOf = (actual: Ref, expected: Ref): number =>
  sameShape(actual.shape, expected.shape) ? relativeError(actual.data, expected.data) : Number.NaN;

const runs = { numRuns: 20, seed: 1 };

describe.each(opNames)('%s', (name) => {
  const op = referenceOp(name);

  test('its gradients are those of finite differences', () => {
    fc.assert(
      fc.property(samplesOf(name), ({ inputs, args, gy }) => {
        op.backward(inputs, args, gy).forEach((gradient, i) => {
          if (gradient === null) return;
          const numerical = numericalGradient((moved) => dot(op.forward(moved, args), gy), inputs, i);
          const scale = Math.max(1, ...numerical.data.map(Math.abs));
          gradient.data.forEach((g, k) => {
            // Extrapolated differences are good to 1e-11 of the gradient's size here; near a pole (a variance close
            // to 0) they are worse, hence the room.
            expect(Math.abs(g - numerical.data[k]!) / scale, `input ${i}, element ${k}`).toBeLessThan(1e-7);
          });
          expect(gradient.shape).toEqual(inputs[i]!.shape);
        });
      }),
      runs,
    );
  });

  test('its second derivatives in closed form are those of finite differences', () => {
    fc.assert(
      fc.property(samplesOf(name), ({ inputs, args, gy, v }) => {
        const found = op.second(inputs, args, gy, v);
        const numerical = secondGradients(op, inputs, args, gy, v);
        [...numerical.inputs, numerical.gy].forEach((expected, i) => {
          // Differences are as good as the largest of what they are taken of.
          const scale = Math.max(1, ...expected.data.map(Math.abs));
          expected.data.forEach((value, k) => {
            const error = Math.abs(found[i]!.data[k]! - value) / scale;
            if (i === inputs.length || v[i]) expect(error, `input ${i}, element ${k}`).toBeLessThan(1e-7);
          });
        });
      }),
      runs,
    );
  });

  test('its second derivatives are symmetric, and linear in the upstream gradient', () => {
    // <backward(x; gy), v> along d is gyᵀ·y''(v, d): swapping v and d changes nothing. Wrong gradients would.
    fc.assert(
      fc.property(
        samplesOf(name),
        fc.double({ min: 0, max: 6, noNaN: true }),
        ({ inputs, args, gy }, shift) => {
          const nulls = op.backward(inputs, args, gy).map((g) => g === null);
          const direction = (phase: number) =>
            inputs.map((x, i) => (nulls[i] ? null : map(x, (_, k) => Math.sin(phase * (k + 1) + i + shift))));
          const [v, d] = [direction(2), direction(3)];
          const there = secondDirectional(op, inputs, args, gy, v, { inputs: d });
          const back = secondDirectional(op, inputs, args, gy, d, { inputs: v });
          expect(Math.abs(there - back)).toBeLessThan(1e-7 * Math.max(1, Math.abs(there)));

          const gyDirection = map(gy, (_, k) => Math.cos(k));
          const exact = op
            .backward(inputs, args, gyDirection)
            .reduce((sum, g, i) => sum + (g === null ? 0 : dot(g, v[i]!)), 0);
          const numerical = secondDirectional(op, inputs, args, gy, v, { gy: gyDirection });
          expect(Math.abs(numerical - exact)).toBeLessThan(1e-9 * Math.max(1, Math.abs(exact)));
        },
      ),
      runs,
    );
  });
});

describe('second derivatives by finite differences agree with closed forms', () => {
  const x = ref([4], [-1.3, -0.2, 0.4, 1.7]);
  const gy = ref([4], [0.5, -1.1, 2, 0.7]);
  const v = ref([4], [1.2, 0.3, -0.8, 0.6]);

  test.each([
    ['tanh', (t: number) => -2 * Math.tanh(t) * (1 - Math.tanh(t) ** 2)],
    ['exp', Math.exp],
    ['square', () => 2],
    ['gelu', (t: number) => ((2 - t * t) * Math.exp((-t * t) / 2)) / Math.sqrt(2 * Math.PI)],
  ] as const)('%s', (name, second) => {
    const found = secondGradients(referenceOp(name), [x], {}, gy, [v]);
    const expected = map(x, (t, i) => gy.data[i]! * v.data[i]! * second(t));
    expect(errorOf(found.inputs[0]!, expected)).toBeLessThan(1e-9);
    const gradient = referenceOp(name).backward([x], {}, v)[0]!;
    expect(errorOf(found.gy, gradient)).toBeLessThan(1e-9);
  });

  test('conv2d, whose gradients are themselves convolutions', () => {
    const { conv2d } = referenceOps;
    const image = ref([1, 1, 3, 3], [1, 2, 0, -1, 3, 1, 2, -2, 1]);
    const kernel = ref([1, 1, 2, 2], [0.5, -1, 2, 0.25]);
    const upstream = ref([1, 1, 2, 2], [1, -2, 0.5, 3]);
    const vImage = map(image, (_, i) => Math.sin(i));
    const found = secondGradients(conv2d, [image, kernel], {}, upstream, [vImage, null]);
    // <∂/∂image, v> = <conv(v, kernel), gy>: no curvature in the image, the weight gradient of v in the kernel.
    expect(
      errorOf(
        found.inputs[0]!,
        map(image, () => 0),
      ),
    ).toBeLessThan(1e-12);
    expect(errorOf(found.inputs[1]!, conv2d.backward([vImage, kernel], {}, upstream)[1]!)).toBeLessThan(1e-9);
    expect(errorOf(found.gy, conv2d.forward([vImage, kernel], {}))).toBeLessThan(1e-9);
  });
});

describe('conventions where a function has no derivative, as PyTorch has them', () => {
  const one = (value: number) => ref([1], [value]);
  const gradientAt = (name: Parameters<typeof referenceOp>[0], value: number, args: object = {}) =>
    referenceOp(name).backward([one(value)], args, one(1))[0]!.data[0];

  test('elementwise', () => {
    expect(gradientAt('relu', 0)).toBe(0);
    expect(gradientAt('leakyRelu', 0, { negativeSlope: 0.2 })).toBe(0.2);
    expect(gradientAt('abs', 0)).toBe(0);
    expect(gradientAt('elu', 0, { alpha: 0.5 })).toBe(0.5);
    expect(gradientAt('clamp', -1, { min: -1, max: 1 })).toBe(1);
    expect(gradientAt('clamp', 1, { min: -1, max: 1 })).toBe(1);
    expect(gradientAt('pow', 0, { exponent: 0 })).toBe(0);
  });

  test('ties are shared in halves by maximum and minimum, equally by max and min, and go first by maxPool2d', () => {
    const g = one(6);
    const halves = [one(3), one(3)];
    expect(referenceOps.maximum.backward([one(2), one(2)], {}, g)).toEqual(halves);
    expect(referenceOps.minimum.backward([one(2), one(2)], {}, g)).toEqual(halves);
    const row = ref([1, 1, 1, 4], [5, 1, 5, 5]);
    const all = { dims: [0, 1, 2, 3] };
    expect([...referenceOps.max.backward([row], all, ref([], [6]))[0]!.data]).toEqual([2, 0, 2, 2]);
    const negated = map(row, (v) => -v);
    expect([...referenceOps.min.backward([negated], all, ref([], [6]))[0]!.data]).toEqual([2, 0, 2, 2]);
    const pooled = referenceOps.maxPool2d.backward([row], { kernelSize: [1, 4] }, ref([1, 1, 1, 1], [6]));
    expect([...pooled[0]!.data]).toEqual([6, 0, 0, 0]);
  });

  test('bce at a sure mistake costs 100 with a finite gradient, and its logits form neither overflows', () => {
    const args = { reduction: 'sum' } as const;
    expect(referenceOps.bce.forward([one(0), one(1)], args).data[0]).toBe(100);
    expect(referenceOps.bce.forward([one(1), one(0)], args).data[0]).toBe(100);
    expect(referenceOps.bce.forward([one(1), one(1)], args).data[0]).toBe(0);
    expect(referenceOps.bce.backward([one(0), one(1)], args, ref([], [1]))[0]!.data[0]).toBe(-1e12);
    expect(referenceOps.bceWithLogits.forward([one(-800), one(1)], args).data[0]).toBe(800);
    expect(referenceOps.bceWithLogits.backward([one(-800), one(1)], args, ref([], [1]))[0]!.data[0]).toBe(-1);
    expect(referenceOps.softplusGan.forward([one(-800)], args).data[0]).toBe(800);
    expect(referenceOps.softmax.forward([ref([2], [800, -800])], { dim: 0 }).data).toEqual(
      Float64Array.of(1, 0),
    );
  });
});

test('running statistics blend in the unbiased variance', () => {
  const args = { training: true, affine: false, runningStats: true, momentum: 0.25, eps: 1e-5 };
  const x = ref([4, 1], [1, 2, 3, 6]);
  const [mean, variance] = updatedRunningStats([x, ref([1], [1]), ref([1], [2])], args);
  expect(mean.data[0]).toBeCloseTo(0.75 * 1 + 0.25 * 3, 14);
  // The squared deviations from 3 add up to 14; the unbiased variance divides them by 3.
  expect(variance.data[0]).toBeCloseTo(0.75 * 2 + 0.25 * (14 / 3), 14);
});

test('erf is right to 1e-14', () => {
  // Values from glibc's erf, which is right to under 1 ulp.
  const known = [
    [0, 0.0],
    [1e-8, 1.1283791670955126e-8],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [0.84375, 0.7672256612323416],
    [1, 0.8427007929497149],
    [1.5, 0.9661051464753108],
    [2, 0.9953222650189527],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [5, 0.9999999999984626],
    [5.9, 0.9999999999999999],
    [7, 1.0],
  ] as const;
  for (const [x, value] of known) {
    expect(Math.abs(erf(x) - value)).toBeLessThan(1e-14);
    expect(erf(-x)).toBe(-erf(x));
  }
});

const golden = fileURLToPath(new URL('../../shared/golden/ops', import.meta.url));

describe.skipIf(!existsSync(golden))('golden cases computed by PyTorch', () => {
  // The files round to float32, 6e-8 relative; a recovered operand (recover.ts) carries a few such roundings.
  const tolerance = 5e-7;

  for (const file of existsSync(golden) ? goldenFiles(golden) : []) {
    test.each(file.entries.map((entry) => [`${file.family} ${entry.id}`, entry] as const))(
      '%s',
      (_title, entry) => {
        const { op, inputs, inputNames, args, y, gy, grads, extra } = goldenCase(file, entry);
        expect(errorOf(referenceOp(op).forward(inputs, args), y), 'result').toBeLessThan(tolerance);
        const gradients = referenceOp(op).backward(inputs, args, gy);
        for (const [name, expected] of Object.entries(grads)) {
          const gradient = gradients[inputNames.indexOf(name)]!;
          expect(errorOf(gradient, expected), `gradient of ${name}`).toBeLessThan(tolerance);
        }
        if (extra.newRunningMean && extra.newRunningVar) {
          const batchNormArgs = args as Parameters<typeof updatedRunningStats>[1];
          const [mean, variance] = updatedRunningStats(inputs, batchNormArgs);
          expect(errorOf(mean, extra.newRunningMean), 'running mean').toBeLessThan(tolerance);
          expect(errorOf(variance, extra.newRunningVar), 'running variance').toBeLessThan(tolerance);
        }
      },
    );
  }
});
