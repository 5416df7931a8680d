// Which algorithm computes each convolution and matrix product on a device: the one that is forced
// (`device.withAlgorithm`), else the one that the tuner, or the run that is resumed, chose for its sizes,
// else the first in the list whose rule says so. It is decided once for each device and problem, and
// remembered.
import type { Device } from '../device/device.ts';
import {
  type Algorithm,
  type ConvAlgorithm,
  type ConvProblem,
  type ConvProduct,
  type ConvSizes,
  isWholeWindow,
  type MatmulAlgorithm,
  type MatmulProblem,
  type ProductSizes,
  type Rules,
} from './algorithm.ts';
import { algorithms, algorithmsNamed, cores, gpuAlgorithms, usableAlgorithms } from './algorithms.ts';
import { gainsByHalf, subgroupMatrix } from './gemm-subgroup-matrix.ts';
import { productSizes } from './implicit-gemm.ts';
import { sizesOf } from './matmul.ts';
import { matmulOf } from './whole-window.ts';

interface Choices {
  /** The name of an algorithm, or `rules`, by the key of a problem: found by the tuner, or taken over. */
  readonly chosen: Map<string, string>;
  /** What was decided, by what was forced and then by problem. */
  readonly decided: Map<string | null, Map<string, Algorithm>>;
  /** While a tuner looks for problems, those that it has met. */
  met: Map<string, Met> | null;
}

/** A problem that the tuner has met. */
export type Met = { readonly convolution: ConvSizes } | { readonly matmul: MatmulProblem };

const ofDevices = new WeakMap<Device, Choices>();

export function choicesOf(device: Device): Choices {
  let choices = ofDevices.get(device);
  if (!choices) {
    choices = { chosen: new Map(), decided: new Map(), met: null };
    ofDevices.set(device, choices);
  }
  return choices;
}

/** Decides anew from here on: choices have changed, or a test pretends another adapter. */
export function forgetDecisions(device: Device): void {
  choicesOf(device).decided.clear();
}

/** The algorithm for one of a convolution's products. */
export function chooseConv(
  device: Device,
  product: ConvProduct,
  z: ConvSizes,
  biased: boolean,
): ConvAlgorithm {
  const key = convKey(z);
  const decide = (): Algorithm => {
    const problem = convProblem(product, z, biased);
    return pick(device, ofConvolution, problem, chosenFor(device, key, problem, { convolution: z }));
  };
  return remembered(device, biased ? `${product} + bias ${key}` : `${product} ${key}`, decide).convolution!;
}

/** The algorithm for a matrix product. */
export function chooseMatmul(device: Device, problem: MatmulProblem): MatmulAlgorithm {
  const { a, b } = problem;
  const key = matmulKey(problem);
  const layouts = `${a.batch} ${a.row} ${a.column} ${b.batch} ${b.row} ${b.column}`;
  const decide = (): Algorithm =>
    pick(device, ofMatmul, problem, chosenFor(device, key, sizesOf(problem), { matmul: problem }));
  return remembered(device, `${key} ${layouts}`, decide).matmul!;
}

/** The same for a tuner, which forces each candidate in turn and else wants what the rules take. */
export function convByRule(device: Device, product: ConvProduct, z: ConvSizes): ConvAlgorithm {
  return pick(device, ofConvolution, convProblem(product, z, false), forced(device)).convolution!;
}

export function matmulByRule(device: Device, problem: MatmulProblem): MatmulAlgorithm {
  return pick(device, ofMatmul, problem, forced(device)).matmul!;
}

function remembered(device: Device, key: string, decide: () => Algorithm): Algorithm {
  const { decided, met } = choicesOf(device);
  const name = device.forcedAlgorithm;
  const known = decided.get(name) ?? new Map<string, Algorithm>();
  const found = known.get(key);
  if (found && !met) return found;
  const algorithm = decide();
  decided.set(name, known.set(key, algorithm));
  return algorithm;
}

const ofConvolution = (algorithm: Algorithm) => algorithm.convolution;
const ofMatmul = (algorithm: Algorithm) => algorithm.matmul;

/** What is forced, if anything. Throws ConfigError when there is no such algorithm, or this adapter cannot run it. */
function forced(device: Device): readonly Algorithm[] | null {
  const name = device.forcedAlgorithm;
  return name === null ? null : usableAlgorithms(device, name);
}

/** What is forced, or chosen in place of the rules: one algorithm, or several of which the first that can is taken. */
function chosenFor(device: Device, key: string, sizes: ProductSizes, met: Met): readonly Algorithm[] | null {
  const asked = forced(device);
  if (asked) return asked;
  if (device.precision === 'mixed' && gainsByHalf(sizes)) return algorithmsNamed(subgroupMatrix.name);
  const choices = choicesOf(device);
  choices.met?.set(key, met);
  const name = choices.chosen.get(key);
  return name === undefined || name === 'rules' ? null : algorithmsNamed(name);
}

/** The first algorithm that was asked for and supports the problem, else the one that the rules take. */
function pick<Problem>(
  device: Device,
  serves: (algorithm: Algorithm) => Rules<Problem> | undefined,
  problem: Problem,
  asked: readonly Algorithm[] | null,
): Algorithm {
  const able = (one: Algorithm): boolean =>
    one.runsOn(device) && serves(one)?.supports(device, problem) === true;
  const first = asked?.find(able);
  if (first) return first;
  // What was asked for may not compute all products of a network; a core computes the rest.
  const all = asked ? cores : algorithms;
  const list = device.adapter.software ? all : gpuAlgorithms;
  return list.find((one) => able(one) && serves(one)!.suits(device, problem))!;
}

/** What was chosen for a device, by problem, an algorithm or `rules`: to be kept, and handed to `setChoices` later. */
export function getChoices(device: Device): Record<string, string> {
  return Object.fromEntries(choicesOf(device).chosen);
}

/**
 * Takes over choices made before, in place of those there are.
 * @returns the problems whose algorithm this device cannot run, or does not know; they go by rule.
 */
export function setChoices(device: Device, choices: Readonly<Record<string, string>>): string[] {
  const { chosen } = choicesOf(device);
  chosen.clear();
  forgetDecisions(device);
  const refused: string[] = [];
  for (const [key, name] of Object.entries(choices)) {
    const named = algorithmsNamed(name);
    const usable = named.length > 0 && named.every((one) => !one.untuned && one.runsOn(device));
    if (name === 'rules' || usable) chosen.set(key, name);
    else refused.push(key);
  }
  return refused;
}

/**
 * What the tuner's records call a problem; the three products of a convolution share their operands, and so a choice.
 */
export function convKey({ stride, padding, dilation, ...z }: ConvSizes): string {
  return `conv ${z.n} ${z.c} ${z.h} ${z.w} ${z.k} ${z.r} ${z.s} ${z.p} ${z.q} ${z.groups} ${stride[0]} ${stride[1]} ${padding[0]} ${padding[1]} ${dilation[0]} ${dilation[1]}`;
}

export function matmulKey({ batch, m, n, k }: MatmulProblem): string {
  return `matmul ${batch} ${m} ${n} ${k}`;
}

export function convProblem(product: ConvProduct, z: ConvSizes, biased: boolean): ConvProblem {
  // A bias of an input gradient is one of channels, which are not the columns of its matrix product.
  const asMatmul = isWholeWindow(z) && !(biased && product === 'inputGradient');
  return { product, z, ...productSizes(product, z), matmul: asMatmul ? matmulOf(product, z) : null };
}
