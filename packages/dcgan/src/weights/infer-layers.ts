// What the layers of a state dict are, told by their tensors' names and shapes, and how many layers without
// weights stand between two of them: nn.Sequential numbers those too (main.1, main.3: one lies between).

import type { WeightEntries, WeightEntry } from './entry.ts';
import { type Layer, layersOf, orders } from './layers.ts';

export interface LayerItem {
  readonly kind: 'linear' | 'conv' | 'batchNorm' | 'affineNorm' | 'embedding';
  readonly name: string;
  /** Of the weight; of a norm, [features]. */
  readonly shape: readonly number[];
  readonly bias: number | undefined;
  readonly affine: boolean;
  readonly spectralNorm: boolean;
  /** Under the network's own tensor names. */
  readonly tensors: ReadonlyMap<string, WeightEntry>;
}

const COUNTER = 'num_batches_tracked';

/**
 * The layers in each of the orders in which they may be meant; empty when a tensor has no place in a layer known here.
 */
export function itemOrders(entries: WeightEntries): LayerItem[][] {
  const items = new Map<string, LayerItem>();
  const layers = layersOf(entries);
  for (const layer of layers) {
    const item = itemOf(layer);
    if (!item) return [];
    items.set(layer.name, item);
  }
  const found = new Map<string, LayerItem[]>();
  for (const order of orders(layers)) {
    const key = order.map(({ name }) => name).join('\n');
    found.set(
      key,
      order.map(({ name }) => items.get(name)!),
    );
  }
  return [...found.values()];
}

/** The first layer that is none of the kinds known here. */
export function unknownLayer(entries: WeightEntries): Layer<WeightEntry> | undefined {
  return layersOf(entries).find((layer) => !itemOf(layer));
}

function itemOf({ name, tensors: all }: Layer<WeightEntry>): LayerItem | undefined {
  const tensors = new Map(all);
  // spectral_norm of PyTorch keeps its vectors as [n]; the network here as [n, 1].
  for (const key of ['weight_u', 'weight_v']) {
    const entry = tensors.get(key);
    if (entry?.shape.length === 1) tensors.set(key, { ...entry, shape: [entry.shape[0]!, 1] });
  }
  const names = [...tensors.keys()].filter((key) => key !== COUNTER).sort();
  const has = (...wanted: string[]): boolean => names.join() === wanted.join();
  const weight = (tensors.get('weight') ?? tensors.get('weight_orig'))?.shape;
  const bias = tensors.get('bias')?.shape;
  const shared = { name, tensors, bias: bias?.[0], affine: true, spectralNorm: false };
  if (bias && bias.length !== 1) return undefined;
  const spectralNorm =
    has('weight_orig', 'weight_u', 'weight_v') || has('bias', 'weight_orig', 'weight_u', 'weight_v');
  if (weight && (spectralNorm || has('weight') || has('bias', 'weight'))) {
    if (weight.length === 4) return { kind: 'conv', shape: weight, ...shared, spectralNorm };
    if (weight.length === 2) {
      const label = !bias && /emb|label|class/i.test(name);
      return { kind: label ? 'embedding' : 'linear', shape: weight, ...shared, spectralNorm };
    }
    if (weight.length === 1 && bias?.[0] === weight[0])
      return { kind: 'affineNorm', shape: weight, ...shared };
    return undefined;
  }
  const mean = tensors.get('running_mean')?.shape;
  if (mean?.length !== 1 || names.some((key) => tensors.get(key)!.shape.join() !== mean.join()))
    return undefined;
  if (has('running_mean', 'running_var')) return { kind: 'batchNorm', shape: mean, ...shared, affine: false };
  if (has('bias', 'running_mean', 'running_var', 'weight'))
    return { kind: 'batchNorm', shape: mean, ...shared };
  return undefined;
}

/**
 * How many layers without weights lie between neighbours, by the numbers in their names; undefined where names do not
 * tell, and everywhere when the numbers never leave one out, as with ModuleList and a forward pass of its own.
 */
export function gapsOf(items: readonly LayerItem[]): (number | undefined)[] {
  const split = items.map(({ name }) => /^(.*?)(\d+)$/.exec(name));
  const gaps = items.map((_, i) => {
    const [here, next] = [split[i], split[i + 1]];
    if (!here || !next || here[1] !== next[1]) return undefined;
    const gap = Number(next[2]) - Number(here[2]) - 1;
    return gap >= 0 ? gap : undefined;
  });
  return gaps.some((gap) => gap !== undefined && gap > 0) ? gaps : gaps.map(() => undefined);
}
