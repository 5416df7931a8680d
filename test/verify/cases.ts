/** Cases: which operation, how it is computed, and what it is given; each from a seed and a number of its own. */
import type { Ref } from '../reference/array.ts';
import { type ReferenceOpName, referenceOp, referenceOps } from '../reference/index.ts';
import { Draw, type Kind, seedOf } from './draw.ts';
import { elementwise } from './draws/elementwise.ts';
import { losses } from './draws/loss.ts';
import { norms } from './draws/norm.ts';
import { products } from './draws/products.ts';
import { reductions } from './draws/reduce.ts';
import { structure } from './draws/structure.ts';
import type { Call, OpCases } from './op-cases.ts';
import type { Variant } from './variants.ts';

/** How every operation of the reference is drawn. */
export const opCases: Record<ReferenceOpName, OpCases> = {
  ...products,
  ...norms,
  ...reductions,
  ...elementwise,
  ...structure,
  ...losses,
};

/** All operations, in the order of the reference. */
export const opNames = Object.keys(referenceOps) as ReferenceOpName[];

/** A call with an upstream gradient and a direction for second derivatives. */
export interface Sample extends Call {
  readonly gy: Ref;
  /** Of each input; null where it has no gradient. */
  readonly v: (Ref | null)[];
  /** The inputs whose gradients are asked for. */
  readonly wanted: number[];
}

export interface Case {
  readonly op: ReferenceOpName;
  readonly variant: Variant;
  readonly kind: Kind;
  readonly seed: number;
  readonly index: number;
  readonly sample: Sample;
}

const kinds: readonly [Kind, number][] = [
  ['smooth', 0.6],
  ['kinks', 0.12],
  ['magnitudes', 0.14],
  ['special', 0.12],
  ['empty', 0.02],
];

function kindOf(d: Draw): Kind {
  let left = d.uniform();
  for (const [kind, share] of kinds) {
    left -= share;
    if (left < 0) return kind;
  }
  return 'smooth';
}

/** A random sample of an operation. */
export function drawSample(op: ReferenceOpName, variant: Variant, d: Draw, seed: number): Sample {
  const { inputs, args } = opCases[op].draw(d, variant, seed);
  const reference = referenceOp(op);
  const y = reference.forward(inputs, args);
  const gy = d.values(y.shape, () => (d.kind === 'kinks' ? d.pick([-1, 0, 0.5, 1, 2]) : d.normal()));
  const differentiable = reference.differentiable?.(inputs, args) ?? inputs.map(() => true);
  const all = [...inputs.keys()].filter((i) => differentiable[i]);
  // Mostly all at once; now and then each alone, as when a network is frozen.
  const wanted = all.length > 1 && d.chance(0.25) ? [d.pick(all)] : all;
  // Along the input itself where sizes differ by many powers of 2, so that no direction drowns the rest.
  const along = (x: Ref) =>
    d.values(x.shape, (i) => (d.kind === 'magnitudes' ? x.data[i]! * d.normal() : d.normal()));
  return { inputs, args, gy, wanted, v: inputs.map((x, i) => (wanted.includes(i) ? along(x) : null)) };
}

/** Case number `index` of a run. */
export function drawCase(op: ReferenceOpName, variant: Variant, seed: number, index: number): Case {
  const of = seedOf(seed, op, variant, index);
  const kind = kindOf(new Draw(of));
  return { op, variant, kind, seed, index, sample: drawSample(op, variant, new Draw(of, kind), seed) };
}

/** A case in one line: kind, shapes and arguments. */
export function describeCase({ kind, sample: { inputs, args, wanted } }: Case): string {
  const shapes = inputs.map(({ shape }) => `[${shape}]`).join(' ');
  const given = Object.entries(args as object).filter(([, value]) => value !== undefined);
  const words = given.map(([name, value]) => {
    const text = JSON.stringify(value);
    return `${name} ${text.length > 40 ? `${text.slice(0, 37)}...` : text}`;
  });
  const some = wanted.length < inputs.length ? `, gradients of ${wanted.join(' ') || 'none'}` : '';
  return [`${kind} ${shapes}`, ...words].join(', ') + some;
}

/** What repeats a case. */
export const commandOf = ({ op, variant, seed, index }: Case): string =>
  `pnpm verify --op ${op} --variant ${variant} --seed ${seed} --case ${index}`;
