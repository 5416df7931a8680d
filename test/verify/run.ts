/**
 * Runs cases on a device, many to a read: while the device works, float64 works out what they should give.
 */
import {
  add,
  type Device,
  ForgerError,
  grad,
  mul,
  readAll,
  ShapeError,
  sum,
  type Tensor,
  tensor,
} from '@forger/tensor';
import { deviceOps } from '../ops-table.ts';
import { sameShape, sizeOf } from '../reference/array.ts';
import type { ReferenceOpName } from '../reference/index.ts';
import { toTensor } from '../support/tensors.ts';
import { type Case, drawCase } from './cases.ts';
import { type Comparison, compare } from './compare.ts';
import { Draw, seedOf } from './draw.ts';
import { expectationOf, hasSeconds, labelsOf } from './expected.ts';
import { asVariant, sourcesOf, type Variant } from './variants.ts';

/** What became of a case: how its worst tensor compares, or what it threw. */
export interface Outcome {
  readonly case: Case;
  readonly worst: Comparison;
  readonly wrong: boolean;
}

/** What became of all cases of an operation in one variant. */
export interface Row {
  readonly op: ReferenceOpName;
  readonly variant: Variant;
  readonly cases: number;
  /** Cases that ran on the variant's kernels; all where any kernel will do. */
  readonly onVariant: number;
  /** Compiled kernels that took part. */
  readonly kernels: number;
  /** The case with the largest error beside what it may be. */
  readonly worst: Outcome | null;
  readonly wrong: readonly Outcome[];
}

/** The tensors of `labelsOf`, and the gradients of the recorded backward pass behind them. */
function runOnDevice(device: Device, c: Case): (Tensor | null)[] {
  const { inputs, args, gy, v, wanted } = c.sample;
  return device.scope(() =>
    asVariant(device, c.variant, () => {
      const xs = inputs.map((x, i) => toTensor(x, device).requiresGrad_(wanted.includes(i)));
      const targets = wanted.map((i) => xs[i]!);
      const y = deviceOps[c.op](xs, args);
      const moved = labelsOf(c).some(({ what }) => what === 'running mean') ? xs.slice(-2) : [];
      if (wanted.length === 0) return [y, ...moved];
      const upstream = toTensor(gy, device);
      const plain = grad(y, targets, { gradOutputs: [upstream] });
      upstream.requiresGrad_();
      const recorded = grad(y, targets, { gradOutputs: [upstream], createGraph: true });
      if (!hasSeconds(c)) return [y, ...plain, ...moved, ...recorded];
      const s = recorded
        .map((g, k) => sum(mul(g, toTensor(v[wanted[k]!]!, device))))
        .reduce((total, part) => add(total, part));
      return [y, ...plain, ...moved, ...grad(s, [...targets, upstream], { allowUnused: true }), ...recorded];
    }),
  );
}

/** Cases, and values of tensors, that one read brings back. */
const casesARead = 32;
const valuesARead = 2 ** 19;

interface Pending {
  readonly case: Case;
  readonly tensors: readonly (Tensor | null)[];
}

/** A comparison that has no error to report: something was thrown, or not thrown. */
const broken = (what: string, at: string): Comparison => ({
  what,
  units: Number.POSITIVE_INFINITY,
  allowed: 0,
  at,
});
const right: Comparison = { what: 'refusal', units: 0, allowed: 1, at: '' };

/** A dimension of size 0 must be refused with a ShapeError. */
function refusal(device: Device, c: Case): Comparison {
  const { inputs, args } = c.sample;
  const d = new Draw(seedOf(c.seed, c.op, c.index, 'empty'));
  const ranked = [...inputs.keys()].filter((i) => inputs[i]!.shape.length > 0);
  const which = ranked.length > 0 ? d.pick(ranked) : -1;
  const shapes = inputs.map(({ shape }, i) => {
    if (which < 0) return [0];
    return i === which ? shape.with(d.int(0, shape.length - 1), 0) : shape;
  });
  try {
    device.scope(() => {
      const xs = shapes.map((shape, i) =>
        tensor(inputs[i]!.data.subarray(0, sizeOf(shape)), shape, { device }),
      );
      return deviceOps[c.op](xs, args);
    });
  } catch (error) {
    if (error instanceof ShapeError) return right;
    return broken('refusal', `inputs of ${JSON.stringify(shapes)} threw ${String(error)}`);
  }
  return broken('refusal', `inputs of ${JSON.stringify(shapes)} were taken`);
}

function compareCase(
  { case: c, tensors }: Pending,
  read: (t: Tensor) => ArrayLike<number>,
  expectation: ReturnType<typeof expectationOf>,
): Outcome {
  const { results } = expectation;
  const gradients = c.sample.wanted.length;
  // The recorded gradients come last, and are expected to be what the plain ones are.
  const recorded = results.slice(1, 1 + (tensors.length > results.length ? gradients : 0));
  const all = {
    ...expectation,
    results: [...results, ...recorded.map((one) => ({ ...one, what: `recorded ${one.what}` }))],
    sensitivities: () => {
      const sensitivities = expectation.sensitivities();
      return [...sensitivities, ...sensitivities.slice(1, 1 + gradients)];
    },
  };
  const misshapen = tensors.findIndex((t, i) => t && !sameShape(t.shape, all.results[i]!.values.shape));
  if (misshapen >= 0) {
    const { what, values } = all.results[misshapen]!;
    const at = `its shape is [${tensors[misshapen]!.shape}], should be [${values.shape}]`;
    return { case: c, wrong: true, worst: broken(what, at) };
  }
  const comparisons = compare(
    all,
    tensors.map((t) => (t ? read(t) : null)),
  );
  const worst = comparisons.reduce((most, one) =>
    one.units / one.allowed > most.units / most.allowed ? one : most,
  );
  return { case: c, worst, wrong: !(worst.units <= worst.allowed) };
}

/** Runs cases number `first` to `first + count - 1` of an operation in a variant. */
export async function verify(
  device: Device,
  op: ReferenceOpName,
  variant: Variant,
  { seed, first, count }: { seed: number; first: number; count: number },
): Promise<Row> {
  const files = new Set<string>();
  const kernels = new Set<number>();
  const { pipelines } = device;
  const get = pipelines.get;
  pipelines.get = (source) => {
    const kernel = get.call(pipelines, source);
    for (const file of source.files) files.add(file);
    kernels.add(kernel.id);
    return kernel;
  };
  const own = sourcesOf(variant);
  const outcomes: Outcome[] = [];
  let onVariant = 0;
  try {
    for (let index = first; index < first + count; ) {
      const pending: Pending[] = [];
      let values = 0;
      for (; index < first + count && pending.length < casesARead && values < valuesARead; index++) {
        const c = drawCase(op, variant, seed, index);
        if (c.kind === 'empty') {
          const worst = refusal(device, c);
          outcomes.push({ case: c, worst, wrong: worst !== right });
          onVariant++;
          continue;
        }
        files.clear();
        try {
          const tensors = runOnDevice(device, c);
          values += tensors.reduce((total, t) => total + (t?.size ?? 0), 0);
          pending.push({ case: c, tensors });
        } catch (error) {
          if (!(error instanceof ForgerError)) throw error;
          outcomes.push({ case: c, wrong: true, worst: broken('call', `it threw ${error.message}`) });
        }
        if (!own || own.some((file) => files.has(file))) onVariant++;
      }
      outcomes.push(...(await finish(pending)));
    }
  } finally {
    pipelines.get = get;
  }
  outcomes.sort((a, b) => a.case.index - b.case.index);
  const ratio = ({ worst }: Outcome): number => worst.units / worst.allowed;
  const worst = outcomes.reduce<Outcome | null>(
    (most, o) => (!most || ratio(o) > ratio(most) ? o : most),
    null,
  );
  const wrong = outcomes.filter((o) => o.wrong);
  return { op, variant, cases: outcomes.length, onVariant, kernels: kernels.size, worst, wrong };
}

/** Runs one case that is given in full. */
export async function verifyCase(device: Device, c: Case): Promise<Outcome> {
  const [outcome] = await finish([{ case: c, tensors: runOnDevice(device, c) }]);
  return outcome!;
}

async function finish(pending: readonly Pending[]): Promise<Outcome[]> {
  const tensors = [...new Set(pending.flatMap((one) => one.tensors).filter((t) => t !== null))];
  const reading = readAll(tensors);
  const expectations = pending.map((one) => expectationOf(one.case));
  const values = await reading;
  const at = new Map(tensors.map((t, i) => [t, values[i]!]));
  const outcomes = pending.map((one, i) => compareCase(one, (t) => at.get(t)!, expectations[i]!));
  for (const t of tensors) t.dispose();
  return outcomes;
}
