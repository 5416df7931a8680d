// Weights by layer. Programs name the same network's tensors differently, so layers are compared by shape and order:
// everything of a name up to its last `.` or `/` is the layer's, and the rest says which of its tensors it is.

/** One layer's tensors, by PyTorch's names for them: `weight`, `bias`, `running_mean`, … */
export interface Layer<T> {
  readonly name: string;
  readonly tensors: ReadonlyMap<string, T>;
}

/** Chainer's names. https://github.com/chainer/chainer/tree/master/chainer/links */
const CHAINER: Readonly<Record<string, string>> = {
  W: 'weight',
  b: 'bias',
  gamma: 'weight',
  beta: 'bias',
  avg_mean: 'running_mean',
  avg_var: 'running_var',
  N: 'num_batches_tracked',
};

/** A tensor's name without and with its last part. */
export function splitName(name: string): [layer: string, tensor: string] {
  const at = Math.max(name.lastIndexOf('.'), name.lastIndexOf('/'));
  return [name.slice(0, Math.max(at, 0)), name.slice(at + 1)];
}

/** The layers of named tensors, in the order in which they come. */
export function layersOf<T>(entries: ReadonlyMap<string, T>): Layer<T>[] {
  const layers = new Map<string, Map<string, T>>();
  for (const [name, entry] of entries) {
    const [layer, tensor] = splitName(name);
    const tensors = layers.get(layer) ?? new Map<string, T>();
    layers.set(layer, tensors);
    tensors.set(CHAINER[tensor] ?? tensor, entry);
  }
  return Array.from(layers, ([name, tensors]) => ({ name, tensors }));
}

/**
 * The orders in which a network's layers may be meant: as the file has them; by the numbers in their names, a
 * normalisation after the layer of its number (Chainer: c0_1, bn0_1, c1_0); and by name, numbers in numeric order.
 */
export function orders<T>(layers: readonly Layer<T>[]): Layer<T>[][] {
  const numbers = new Map(layers.map(({ name }) => [name, name.match(/\d+/g)?.map(Number) ?? []]));
  const norm = (layer: Layer<T>): number => Number(layer.tensors.has('running_mean'));
  const byNumbers = layers.toSorted(
    (a, b) => compareNumbers(numbers.get(a.name)!, numbers.get(b.name)!) || norm(a) - norm(b),
  );
  const byName = layers.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  return [[...layers], byNumbers, byName];
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((n, i) => n !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? Number.NEGATIVE_INFINITY);
}
