/**
 * Compares an operation on the device with the float64 reference: its result, its gradients by both backward passes
 * (the fused one and the recorded one of createGraph), and the gradients of its gradients, the last two against finite
 * differences of the reference.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { add, type Device, grad, mul, sum, type Tensor, tensor } from '@forger/tensor';
import { expect } from 'vitest';
import { type GoldenCase, goldenCases } from '../golden/cases.ts';
import { dot, map, type Ref } from '../reference/array.ts';
import { numericalGradient, secondGradients } from '../reference/finite.ts';
import type { ReferenceOp } from '../reference/op.ts';

/** Values that float32 holds exactly, so that device and reference start from the same numbers; mulberry32's bits. */
export function randomRef(
  shape: readonly number[],
  seed: number,
  value = (u: number, v: number) => Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v),
): Ref {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const size = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float64Array.from({ length: size }, () => Math.fround(value(uniform(), uniform()))) };
}

export const toTensor = (r: Ref): Tensor => tensor(r.data, r.shape);

/** The largest difference relative to the largest expected magnitude; NaN when the shapes or any value are wrong. */
export async function errorOf(actual: Tensor, expected: Ref): Promise<number> {
  if (actual.shape.join() !== expected.shape.join()) return Number.NaN;
  const values = await actual.data();
  let [worst, largest] = [0, 0];
  for (const [i, e] of expected.data.entries()) {
    const difference = Math.abs(values[i]! - e);
    if (Number.isNaN(difference)) return Number.NaN;
    worst = Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(e));
  }
  return worst / (largest || 1);
}

/** Errors seen, for reports; with FORGER_SHOW_ERRORS set the tests print the worst of each name. */
const worstErrors = new Map<string, number>();

export async function expectClose(
  name: string,
  actual: Tensor,
  expected: Ref,
  tolerance: number,
): Promise<void> {
  const error = await errorOf(actual, expected);
  const kind = name.split(':')[0]!;
  worstErrors.set(kind, Math.max(worstErrors.get(kind) ?? 0, error));
  expect(error, name).toBeLessThan(tolerance);
}

export function showWorstErrors(): void {
  if (!process.env.FORGER_SHOW_ERRORS) return;
  for (const [name, error] of worstErrors) process.stdout.write(`${name}: ${error.toExponential(1)}\n`);
}

export interface Comparison<A> {
  readonly reference: ReferenceOp<A>;
  readonly args: A;
  readonly inputs: readonly Ref[];
  readonly onDevice: (inputs: readonly Tensor[]) => Tensor;
  /** Which inputs have gradients; all when left out. */
  readonly differentiable?: readonly boolean[];
  /** Allowed relative errors of the result and first gradients, and of second gradients. */
  readonly tolerance: number;
  readonly secondTolerance: number;
}

export async function compare<A>(device: Device, name: string, c: Comparison<A>): Promise<void> {
  const { reference, args, inputs } = c;
  const isDifferentiable = inputs.map((_, i) => c.differentiable?.[i] ?? true);
  const indices = inputs.map((_, i) => i).filter((i) => isDifferentiable[i]);
  const expected = reference.forward(inputs, args);
  const gyRef = randomRef(expected.shape, 77);
  const directions = inputs.map((x, i) => (isDifferentiable[i] ? randomRef(x.shape, 91 + i) : null));
  const leaves = (): Tensor[] => inputs.map((x, i) => toTensor(x).requireGrad(isDifferentiable[i]!));

  const first = device.scope(() => {
    const xs = leaves();
    const y = c.onDevice(xs);
    const gys = [toTensor(gyRef)];
    return [
      y,
      ...grad(
        y,
        indices.map((i) => xs[i]!),
        { gradOutputs: gys },
      ),
    ];
  });
  await expectClose(`result of ${reference.name}: ${name}`, first[0]!, expected, c.tolerance);
  const numerical = indices.map((i) =>
    numericalGradient((moved) => dot(reference.forward(moved, args), gyRef), inputs, i),
  );
  for (const [k, i] of indices.entries()) {
    const what = `gradient of ${reference.name}: input ${i}, ${name}`;
    await expectClose(what, first[k + 1]!, numerical[k]!, c.tolerance);
  }

  const { recorded, seconds } = device.scope(() => {
    const xs = leaves();
    const gy = toTensor(gyRef).requireGrad();
    const wanted = indices.map((i) => xs[i]!);
    const grads = grad(c.onDevice(xs), wanted, { gradOutputs: [gy], createGraph: true }) as Tensor[];
    const s = grads
      .map((g, k) => sum(mul(g, toTensor(directions[indices[k]!]!))))
      .reduce((a, b) => add(a, b));
    return { recorded: grads, seconds: s.requiresGrad ? grad(s, [...wanted, gy]) : [] };
  });
  const expectedSeconds = secondGradients(reference, inputs, args, gyRef, directions);
  const targets = [...indices.map((i) => expectedSeconds.inputs[i]!), expectedSeconds.gy];
  for (const [k, i] of indices.entries()) {
    const what = `recorded gradient of ${reference.name}: input ${i}, ${name}`;
    await expectClose(what, recorded[k]!, numerical[k]!, c.tolerance);
  }
  // Their sizes differ (a bias has second gradient 0), so errors are measured against the largest of all.
  const largest = Math.max(...targets.map((t) => t.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0)));
  for (const [k, target] of targets.entries()) {
    const actual = seconds[k];
    const values = actual ? Array.from(await actual.data()) : [...map(target, () => 0).data];
    const worst = Math.max(...values.map((v, j) => Math.abs(v - target.data[j]!))) / (largest || 1);
    const kind = `second gradient of ${reference.name}`;
    worstErrors.set(kind, Math.max(worstErrors.get(kind) ?? 0, worst));
    expect(worst, `${kind}: target ${k}, ${name}`).toBeLessThan(c.secondTolerance);
  }
}

const goldenFolder = fileURLToPath(new URL('../../../shared/golden/ops', import.meta.url));

/** Cases that PyTorch computed in float64, of the operations named; empty where the folder is absent. */
export function goldenFor(...ops: string[]): GoldenCase[] {
  if (!existsSync(goldenFolder)) return [];
  return [...goldenCases(goldenFolder)].filter((c) => ops.includes(c.op));
}
