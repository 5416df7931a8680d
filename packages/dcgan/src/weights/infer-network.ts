// Networks from names and shapes alone. Layers are passed one after another; wherever shapes leave a choice (stride and
// padding, direction of a square kernel, an upsampling between) every consistent one is followed, each at its cost, and
// what is left at the end are the readings of the file, the most usual first.

import type { ActivationPlan } from './activation-name.ts';
import type { WeightEntries, WeightEntry } from './entry.ts';
import { gapsOf, itemOrders, type LayerItem } from './infer-layers.ts';
import {
  halvingChoices,
  imageSizeCost,
  keepingChoices,
  TRIED_SIZES,
  transposedChoices,
} from './infer-sizes.ts';
import { LABEL_JOINS } from './label-embedding.ts';
import type { LayerPlan, NetworkPlan } from './network-plan.ts';

/** What the user says of a network, which shapes do not tell. */
export interface Hints {
  readonly imageSize?: number | undefined;
  /** Of hidden layers. */
  readonly activation?: ActivationPlan | undefined;
  readonly latent?: 'normal' | 'uniform' | undefined;
  readonly pixelRange?: 'tanh' | 'sigmoid' | undefined;
  /** What normalisations add to the variance. */
  readonly normEps?: number | undefined;
  /** The number of the reading to take, from 1. */
  readonly reading?: number | undefined;
}

/** One way to understand a file. */
export interface Reading {
  readonly plan: NetworkPlan;
  readonly cost: number;
  /** Tensors under the network's own names. */
  readonly entries: WeightEntries;
}

interface State {
  /** Vectors of `channels` numbers, or pictures. */
  readonly flat: boolean;
  readonly channels: number;
  readonly size: number;
  readonly cost: number;
  readonly layers: readonly LayerPlan[];
  readonly latentSize: number;
  /** Of discriminators: what entered. */
  readonly input: { readonly imageSize: number; readonly channels: number };
}

/** States that are kept of one shape: others differ only in how they came there. */
const MOST_OF_A_SHAPE = 4;
const MOST_READINGS = 12;
const SMALLEST_IMAGE = 8;
/** Readings that cost this much more than the cheapest are no longer believed. */
const MOST_COST = 2.4;
const EPS = 1e-5;
/** https://github.com/chainer/chainer/blob/master/chainer/links/normalization/batch_normalization.py */
const CHAINER_EPS = 2e-5;
/**
 * It says BatchNorm2d(128, 0.8): https://github.com/eriklindernoren/PyTorch-GAN/blob/master/implementations/dcgan/dcgan.py
 */
const PYTORCH_GAN_EPS = 0.8;

/** The readings of a state dict as the wanted network, the most usual first; empty when there is none. */
export function inferNetwork(
  entries: WeightEntries,
  wanted: 'generator' | 'discriminator',
  hints: Hints = {},
): Reading[] {
  for (const items of itemOrders(entries)) {
    const eps = hints.normEps ?? usualEps(items, entries);
    const found = [false, true].flatMap((bare) => read(items, wanted, hints, eps, bare));
    if (found.length > 0) return best(found);
  }
  return [];
}

/** The believable ones, each once, the cheapest first. */
function best(readings: readonly Reading[]): Reading[] {
  const seen = new Map<string, Reading>();
  for (const reading of readings.toSorted((a, b) => a.cost - b.cost)) {
    const key = JSON.stringify(reading.plan.layers);
    if (!seen.has(key)) seen.set(key, reading);
  }
  const least = Math.min(...readings.map(({ cost }) => cost));
  return [...seen.values()].filter(({ cost }) => cost <= least + MOST_COST).slice(0, MOST_READINGS);
}

/** What this program's batch norms add to the variance, as far as names tell the program. */
function usualEps(items: readonly LayerItem[], entries: WeightEntries): number {
  const names = [...entries.keys()];
  if (names.some((name) => name.endsWith('/W') || name.endsWith('/gamma'))) return CHAINER_EPS;
  const has = (layer: string): boolean => items.some(({ name }) => name === layer);
  const norms = items.filter(({ kind }) => kind === 'batchNorm').map(({ name }) => name);
  const picture = items.some(({ name }) => /^l1(\.0)?$/.test(name)) && has('conv_blocks.0');
  const vector = has('model.0') && has('model.2') && norms[0] === 'model.3';
  return picture || vector ? PYTORCH_GAN_EPS : EPS;
}

function read(
  all: readonly LayerItem[],
  wanted: 'generator' | 'discriminator',
  hints: Hints,
  eps: number,
  bare: boolean,
): Reading[] {
  const embeddings = all.filter(({ kind }) => kind === 'embedding');
  const items = all.filter(({ kind }) => kind !== 'embedding');
  const [first, last] = [items[0], items.at(-1)];
  if (!first || !last || items.length < 2 || embeddings.length > 1) return [];
  if (!isWeighted(first) || !isWeighted(last)) return [];
  const reader = new Reader(items, wanted, hints, eps, bare);
  let states =
    wanted === 'generator' ? generatorStart(first, embeddings[0]) : discriminatorStart(first, hints);
  if (wanted === 'discriminator' && embeddings.length > 0) return [];
  for (let i = 0; i < items.length && states.length > 0; i++)
    states = cheapest(states.flatMap((state) => [...reader.pass(state, i)]));
  const named = new Map<string, WeightEntry>();
  for (const { name, tensors } of all)
    for (const [tensor, entry] of tensors) named.set(name === '' ? tensor : `${name}.${tensor}`, entry);
  return states
    .flatMap((state) => [...reader.finish(state)])
    .map((reading): Reading => ({ ...reading, entries: named }));
}

const isWeighted = ({ kind }: LayerItem): boolean => kind === 'linear' || kind === 'conv';

/** Latents as they enter the first layer. */
function generatorStart(first: LayerItem, embedding: LayerItem | undefined): State[] {
  const taken = first.kind === 'linear' ? first.shape[1]! : first.shape[0]!;
  const start = { flat: first.kind === 'linear', size: 1, input: { imageSize: 0, channels: 0 } };
  const toPicture: LayerPlan[] = start.flat ? [] : [{ type: 'Reshape', shape: [taken, 1, 1] }];
  if (!embedding) {
    const layers: LayerPlan[] = start.flat ? [{ type: 'Flatten' }] : [];
    return [{ ...start, channels: taken, cost: 0, layers, latentSize: taken }];
  }
  const [classes, features] = embedding.shape as [number, number];
  return LABEL_JOINS.flatMap((join, i): State[] => {
    const latentSize = join === 'multiply' ? taken : taken - features;
    if (latentSize < 1 || (join === 'multiply') !== (features === taken)) return [];
    const label: LayerPlan = { type: 'LabelEmbedding', name: embedding.name, classes, features, join };
    return [{ ...start, channels: taken, cost: 0.1 * i, layers: [label, ...toPicture], latentSize }];
  });
}

/** Pictures as they enter the first layer. */
function discriminatorStart(first: LayerItem, hints: Hints): State[] {
  const states: State[] = [];
  for (const imageSize of hints.imageSize ? [hints.imageSize] : TRIED_SIZES) {
    const channels = first.kind === 'conv' ? first.shape[1]! : first.shape[1]! / imageSize ** 2;
    if (![1, 2, 3, 4].includes(channels)) continue;
    const start = { size: imageSize, latentSize: 100, input: { imageSize, channels } };
    states.push({ ...start, flat: false, channels, cost: 0, layers: [] });
  }
  return states;
}

/** The cheapest of each shape. */
function cheapest(states: readonly State[]): State[] {
  const shapes = new Map<string, State[]>();
  for (const state of states.toSorted((a, b) => a.cost - b.cost)) {
    const { flat, channels, size, input } = state;
    const key = `${flat} ${channels} ${size} ${input.imageSize}`;
    const same = shapes.get(key) ?? [];
    shapes.set(key, same);
    if (same.length < MOST_OF_A_SHAPE) same.push(state);
  }
  return [...shapes.values()].flat();
}

/** Stands for the hidden activation until the whole network is known. */
const HIDDEN: ActivationPlan = { type: 'ReLU' };
const LEAKY: ActivationPlan = { type: 'LeakyReLU', negativeSlope: 0.2 };

class Reader {
  readonly #items: readonly LayerItem[];
  readonly #gaps: readonly (number | undefined)[];
  readonly #generator: boolean;
  readonly #hints: Hints;
  readonly #eps: number;
  readonly #bare: boolean;

  constructor(
    items: readonly LayerItem[],
    wanted: 'generator' | 'discriminator',
    hints: Hints,
    eps: number,
    bare: boolean,
  ) {
    this.#bare = bare;
    this.#items = items;
    this.#gaps = gapsOf(items);
    this.#generator = wanted === 'generator';
    this.#hints = hints;
    this.#eps = eps;
  }

  /** The states after layer i and what follows it without weights. */
  *pass(state: State, i: number): Iterable<State> {
    const item = this.#items[i]!;
    for (const after of this.#apply(state, item, i)) yield* this.#between(after, i);
  }

  /** Kernels behind the first layer. */
  get #kernels(): number[] {
    return this.#items.slice(1).flatMap(({ kind, shape }) => (kind === 'conv' ? [shape[2]!] : []));
  }

  /**
   * A kernel of as many channels as it takes fits both ways: it goes with the others of its size, and else
   * even ones are mostly transposed, odd ones not.
   */
  #mostlyTransposed(kernel: number): boolean {
    const alike = this.#items.filter(
      ({ kind, shape }, i) => i > 0 && kind === 'conv' && shape[2] === kernel && shape[0] !== shape[1],
    );
    // Generators become narrower, so the larger of the two sizes is what enters.
    const ways = alike.map(({ shape }) => shape[0]! > shape[1]!);
    return ways.length > 0 ? ways.filter(Boolean).length * 2 > ways.length : kernel % 2 === 0;
  }

  *#apply(state: State, item: LayerItem, i: number): Iterable<State> {
    switch (item.kind) {
      case 'linear':
        yield* this.#linear(state, item, i);
        return;
      case 'conv':
        yield* this.#convolution(state, item, i);
        return;
      default:
        yield* this.#norm(state, item);
    }
  }

  *#linear(state: State, { name, shape, bias, spectralNorm }: LayerItem, i: number): Iterable<State> {
    const [outFeatures, inFeatures] = shape as [number, number];
    if (bias !== undefined && bias !== outFeatures) return;
    const entered = { ...state, flat: true, channels: outFeatures, size: 1 };
    const layer: LayerPlan = {
      type: 'Linear',
      name,
      inFeatures,
      outFeatures,
      bias: bias !== undefined,
      ...(spectralNorm && { spectralNorm }),
    };
    if (state.flat) {
      if (state.channels === inFeatures) yield { ...entered, layers: [...state.layers, layer] };
      return;
    }
    if (state.channels * state.size ** 2 === inFeatures) {
      const flatten: LayerPlan[] = [{ type: 'Flatten' }, layer];
      const cost = state.cost + (this.#generator && i > 0 ? 1 : 0);
      yield { ...entered, cost, layers: [...state.layers, ...flatten] };
    } else if (!this.#generator && state.channels === inFeatures) {
      const pooled: LayerPlan[] = [{ type: 'GlobalAvgPool' }, { type: 'Flatten' }, layer];
      yield { ...entered, cost: state.cost + 2, layers: [...state.layers, ...pooled] };
    }
  }

  *#norm(state: State, { kind, name, shape, affine }: LayerItem): Iterable<State> {
    const features = shape[0]!;
    const norm = (pictures: boolean): LayerPlan => {
      const type = kind === 'affineNorm' ? 'InstanceNorm2d' : pictures ? 'BatchNorm2d' : 'BatchNorm1d';
      // Its first norm, right behind the Linear layer, says nothing.
      const own = this.#eps === PYTORCH_GAN_EPS && name === 'conv_blocks.0' ? EPS : this.#eps;
      return {
        type,
        name,
        features,
        affine,
        eps: this.#hints.normEps ?? (kind === 'affineNorm' ? EPS : own),
      };
    };
    if (state.flat && state.channels === features && kind === 'batchNorm')
      yield { ...state, layers: [...state.layers, norm(false)] };
    const picture = state.flat ? asPicture(state, features) : state;
    if (picture && picture.channels === features && (picture.size > 1 || !state.flat))
      yield { ...picture, layers: [...picture.layers, norm(true)] };
  }

  *#convolution(state: State, item: LayerItem, i: number): Iterable<State> {
    const [a, b, height, width] = item.shape as [number, number, number, number];
    if (height !== width) return;
    for (const transposed of this.#generator ? [true, false] : [false]) {
      const [inChannels, outChannels] = transposed ? [a, b] : [b, a];
      if (item.bias !== undefined && item.bias !== outChannels) continue;
      // The first layer of a generator makes pictures of latents: a plain convolution cannot.
      if (this.#generator && i === 0 && !transposed) continue;
      const picture = state.flat ? asPicture(state, inChannels) : state;
      if (picture?.channels !== inChannels) continue;
      const unlikely = this.#generator && a === b && i > 0 && transposed !== this.#mostlyTransposed(height);
      const near = {
        bare: this.#bare,
        mixed: this.#kernels.some((kernel) => kernel !== height && kernel % 2 === 0),
        afterLinear: state.flat || this.#items[i - 1]?.kind === 'linear',
      };
      const choices = transposed
        ? transposedChoices(height, picture.size, near)
        : this.#generator
          ? keepingChoices(height, picture.size)
          : halvingChoices(height, picture.size);
      // Where several layers may have the odd padding, the last ones have it more often.
      const early = 0.01 * (this.#items.length - i);
      for (const { stride, padding, outputPadding, size, cost } of choices) {
        const layer: LayerPlan = {
          type: transposed ? 'ConvTranspose2d' : 'Conv2d',
          name: item.name,
          inChannels,
          outChannels,
          kernelSize: [height, width],
          stride: [stride, stride],
          padding: [padding, padding],
          ...(transposed && { outputPadding: [outputPadding, outputPadding] as const }),
          bias: item.bias !== undefined,
          ...(item.spectralNorm && { spectralNorm: true }),
        };
        yield {
          ...picture,
          channels: outChannels,
          size,
          cost: picture.cost + cost + (unlikely ? 1.5 : 0) + (cost > 0 ? early : 0),
          layers: [...picture.layers, layer],
        };
      }
    }
  }

  /** What stands between layer i and the next: an activation, and in generators an enlargement before a convolution. */
  *#between(state: State, i: number): Iterable<State> {
    const [here, next] = [this.#items[i]!, this.#items[i + 1]];
    if (!next) {
      yield state;
      return;
    }
    const toNorm = !isWeighted(next);
    let gap = this.#gaps[i];
    // A vector that becomes a picture within one Sequential passes a Reshape, which counts.
    if (gap !== undefined && gap > 0 && state.flat && next.kind === 'conv') gap--;
    const activated = { ...state, layers: [...state.layers, HIDDEN] };
    if (toNorm) {
      // Straight to its norm, unless the numbers leave room for an activation between.
      if (gap === undefined || gap === 0) yield state;
      else if (state.flat && isPictureNorm(state, next) && gap === 1) {
        yield state;
      } else yield activated;
      return;
    }
    // After a norm that an activation stood before, one number left out is another layer's.
    const before = !isWeighted(here) && (this.#gaps[i - 1] ?? 0) > 0;
    const mayGrow = this.#generator && next.kind === 'conv';
    if (gap === 0) {
      yield state;
      return;
    }
    if (gap === 1) {
      // Right behind Linear, norm and reshape, pictures are more often enlarged at once than activated.
      const atOnce = before || this.#items[i - 1]?.kind === 'linear';
      const other = mayGrow && atOnce ? 0.5 : 0;
      yield before ? { ...state, cost: state.cost + other } : { ...activated, cost: activated.cost + other };
      if (mayGrow)
        for (const grown of grow(state, next)) yield { ...grown, cost: grown.cost + (atOnce ? 0 : 2) };
      return;
    }
    // Where nothing tells, the last convolutions are those without an enlargement.
    const cost = gap === undefined ? Math.max(0.05, 0.3 - 0.02 * i) : 0.5;
    const still = mayGrow && next.shape[2]! % 2 === 1 && !state.flat ? cost : 0;
    yield { ...activated, cost: activated.cost + still };
    if (mayGrow) for (const grown of grow(activated, next)) yield grown;
  }

  /** The finished networks of a state: pictures of a believable size, or scores. */
  *finish(state: State): Iterable<Omit<Reading, 'entries'>> {
    const { latentSize, cost } = state;
    // Transposed convolutions come with ReLU, as in Radford et al.; discriminators, upsampling and plain Linear layers
    // mostly with leaky ones.
    const transposed = state.layers.some(({ type }) => type === 'ConvTranspose2d');
    const hidden = this.#hints.activation ?? (transposed ? HIDDEN : LEAKY);
    const activated = (all: readonly LayerPlan[]): LayerPlan[] =>
      all.map((layer) => (layer === HIDDEN ? hidden : layer));
    const layers = activated(state.layers);
    const { latent = 'normal', pixelRange = 'tanh', imageSize: wanted } = this.#hints;
    const shared = {
      latent: { size: latentSize, distribution: latent },
      pixelRange,
      channelOrder: 'rgb',
    } as const;
    if (!this.#generator) {
      const { imageSize, channels } = state.input;
      const patches = state.flat || state.size === 1 ? 0 : 2.5;
      const scores = state.channels === 1 ? 0 : 1;
      const total = cost + imageSizeCost(imageSize) + patches + scores;
      if (state.channels > 1100) return;
      yield { cost: total, plan: { network: 'discriminator', imageSize, channels, ...shared, layers } };
      return;
    }
    const end: LayerPlan = { type: pixelRange === 'sigmoid' ? 'Sigmoid' : 'Tanh' };
    for (const channels of state.flat ? [1, 3] : [state.channels]) {
      const picture = state.flat ? asPicture(state, channels) : state;
      if (!picture || ![1, 3, 4].includes(channels) || picture.size < SMALLEST_IMAGE) continue;
      if (wanted !== undefined && picture.size !== wanted) continue;
      const total = cost + (wanted === undefined ? imageSizeCost(picture.size) : 0);
      const plan = { network: 'generator', imageSize: picture.size, channels, ...shared } as const;
      yield { cost: total, plan: { ...plan, layers: [...activated(picture.layers), end] } };
    }
  }
}

function isPictureNorm(state: State, { shape }: LayerItem): boolean {
  return shape[0] !== state.channels && asPicture(state, shape[0]!) !== undefined;
}

/** A vector as a square picture of so many channels. */
function asPicture(state: State, channels: number): State | undefined {
  const size = Math.sqrt(state.channels / channels);
  if (!Number.isInteger(size)) return undefined;
  return {
    ...state,
    flat: false,
    channels,
    size,
    layers: [...state.layers, { type: 'Reshape', shape: [channels, size, size] }],
  };
}

/** The state enlarged twofold before the next convolution. */
function grow(state: State, { shape }: LayerItem): State[] {
  const picture = state.flat ? asPicture(state, shape[1]!) : state;
  // Transposed convolutions enlarge by themselves.
  if (!picture || picture.channels !== shape[1]) return [];
  const unlikely = picture.channels === shape[0] && shape[2]! % 2 === 0 ? 2 : 0;
  const layers: LayerPlan[] = [...picture.layers, { type: 'Upsample', scaleFactor: 2, mode: 'nearest' }];
  return [{ ...picture, size: 2 * picture.size, cost: picture.cost + unlikely, layers }];
}
