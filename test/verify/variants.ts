/**
 * The ways in which an operation can be computed here. Every operation has two: the work shared out as for a software
 * adapter and as for a GPU (sizes of workgroups, splits, lanes), whichever the adapter is. Matrix products and
 * convolutions have each algorithm of the library's list besides, whatever the rules would take.
 */
import type { Device } from '@forger/tensor';
import {
  type Algorithm,
  algorithms,
  algorithmsNamed,
  allowedUnits,
  type ConvSizes,
  convProblem,
  forgetDecisions,
  plainSums,
  type SpecialValues,
} from '@forger/tensor/internal';

/** `software`, `gpu`, or the name of an algorithm. */
export type Variant = string;

const shares: readonly Variant[] = ['software', 'gpu'];

export const allVariants: readonly Variant[] = [...shares, ...algorithms.map(({ name }) => name)];

/** The variants that a name stands for: one, or several where the name is a former one; none when unknown. */
export function variantsNamed(name: string): readonly Variant[] {
  return shares.includes(name) ? [name] : algorithmsNamed(name).map((one) => one.name);
}

/** The algorithm that a variant forces; null where the rules choose. */
export function algorithmOf(variant: Variant): Algorithm | null {
  return algorithms.find(({ name }) => name === variant) ?? null;
}

/** The variants of an operation. */
export function variantsOf(op: string): readonly Variant[] {
  const isConvolution = op.startsWith('conv');
  if (!isConvolution && op !== 'matmul' && op !== 'linear') return shares;
  const able = algorithms.filter(({ convolution, matmul }) => (isConvolution ? convolution : matmul));
  return [...shares, ...able.map(({ name }) => name)];
}

export function supportsVariant(device: Device, variant: Variant): boolean {
  return algorithmOf(variant)?.runsOn(device) ?? true;
}

/** Limits that every adapter has: cases are drawn before there is a device. */
const anyDevice = {
  pool: { maxTexels: 2 ** 24 },
  gpu: { limits: { maxStorageBufferBindingSize: 2 ** 27, maxBufferSize: 2 ** 28 } },
} as unknown as Device;

/** Whether a variant computes all three products of a convolution by kernels of its own. */
export function servesConvolution(variant: Variant, z: ConvSizes): boolean {
  const { convolution } = algorithmOf(variant) ?? {};
  if (!convolution) return true;
  const products = ['forward', 'inputGradient', 'weightGradient'] as const;
  return products.every((product) => convolution.supports(anyDevice, convProblem(product, z, false)));
}

/** Allowed error of a result or first gradient in units of roundoff, for sums of `terms` terms. */
export function allowedUnitsOf(variant: Variant, terms: number, few: boolean): number {
  // In twice the precision a sum rounds once at its end: nothing repeats.
  return allowedUnits(algorithmOf(variant) ?? plainSums, terms, few && variant !== 'compensated');
}

/** What becomes of NaN and infinity in a result or a gradient of an operation. */
export function specialValuesOf(variant: Variant, op: string, what: string): SpecialValues {
  const { specialValues = 'exact' } = algorithmOf(variant) ?? {};
  if (typeof specialValues === 'string') return specialValues;
  if (what === 'gradient of input 1') return specialValues.weightGradient;
  const towardsOutput = (what === 'gradient of input 0') === (op === 'convTranspose2d');
  return specialValues[towardsOutput ? 'forward' : 'inputGradient'];
}

/** Runs `fn` as a variant. */
export function asVariant<T>(device: Device, variant: Variant, fn: () => T): T {
  if (!shares.includes(variant)) return device.withAlgorithm(variant, fn);
  const adapter = device.adapter as { software: boolean };
  const { software } = adapter;
  adapter.software = variant === 'software';
  forgetDecisions(device);
  try {
    return fn();
  } finally {
    adapter.software = software;
    forgetDecisions(device);
  }
}

/** WGSL files of which a variant's own kernels, and no others, have one; null where any kernel will do. */
export function sourcesOf(variant: Variant): readonly string[] | null {
  return algorithmOf(variant)?.shaders ?? null;
}
