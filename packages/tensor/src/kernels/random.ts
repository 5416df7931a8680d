// Random numbers from a generator's state on the device, and the step that moves the state on.
import { f32 } from '../device/device.ts';
import type { DType, Tensor } from '../tensor.ts';
import { flatGrid, flatWorkgroup } from './launch.ts';

/** Words of a generator's state: key (2), unused (2), counter (4), each lowest word first. */
export const stateWords = 8;

/** What is drawn; see random/fill.wgsl. */
export type Distribution =
  | { readonly kind: 'bits' }
  /** low + width · u for u in [0, 1), at most `largest`. */
  | { readonly kind: 'uniform'; readonly low: number; readonly width: number; readonly largest: number }
  | { readonly kind: 'normal'; readonly mean: number; readonly std: number }
  /** `value` with probability `p`, else 0. */
  | { readonly kind: 'mask'; readonly p: number; readonly value: number };

const kinds = { bits: 0, uniform: 1, normal: 2, mask: 3 } as const;

function parameters(d: Distribution): [number, number, number] {
  switch (d.kind) {
    case 'bits':
      return [0, 0, 0];
    case 'uniform':
      return [d.low, d.width, d.largest];
    case 'normal':
      return [d.mean, d.std, 0];
    case 'mask':
      return [d.p, d.value, 0];
  }
}

/** Overwrites `target` with draws from `state` and moves the state past them: a block for every four elements. */
export function fillRandom<D extends DType>(
  target: Tensor<D>,
  state: Tensor<'uint32'>,
  distribution: Distribution,
): Tensor<D> {
  const { device } = target;
  const blocks = Math.ceil(target.size / 4);
  device.dispatch(
    {
      name: `random_${distribution.kind}`,
      files: [
        'elementwise/is_nan.wgsl',
        'elementwise/elementary.wgsl',
        'random/philox.wgsl',
        'random/fill.wgsl',
      ],
      constants: { WORKGROUP: flatWorkgroup, KIND: kinds[distribution.kind] },
      bindings: ['read', 'write'],
    },
    [target.size, ...parameters(distribution).map(f32)],
    [state.range, target.range],
    flatGrid(device, blocks),
  );
  device.dispatch(
    { name: 'random_advance', files: ['random/philox.wgsl', 'random/advance.wgsl'], bindings: ['write'] },
    [blocks],
    [state.range],
    [1, 1, 1],
  );
  return target;
}
