// An exponential moving average (EMA) of a module's weights. A generator with averaged weights gives better
// samples: Yazıcı et al., "The unusual effectiveness of averaging in GAN training" (ICLR 2019).
import { type DType, empty, type Tensor } from '@forger/tensor';
import { updateAverage } from '@forger/tensor/internal';
import type { Module } from '../module.ts';
import { type LoadReport, loadStateDict, type StateEntries } from '../state-dict.ts';
import { type FlatGroup, FlatParameters } from './flat.ts';
import { checkAtLeast } from './optimizer.ts';

/** Averages of a module's parameters; they start as copies. Buffers (running statistics) are not averaged. */
export class EMA {
  readonly decay: number;
  readonly #module: Module;
  readonly #flat: FlatParameters;
  readonly #averages: readonly { group: FlatGroup; average: Tensor }[];
  readonly #state = new Map<string, Tensor>();

  /**
   * @param decay the weight of the old average, 0 to below 1. 0.999 averages over about 1000 steps.
   * @throws ConfigError on another decay, and when the parameters belong to an optimizer of another list of
   * parameters.
   */
  constructor(module: Module, decay = 0.999) {
    this.decay = checkAtLeast('decay', decay, 0, 1);
    this.#module = module;
    const named = module.namedParameters();
    this.#flat = FlatParameters.of([...named.values()]);
    this.#averages = this.#flat.groups.map((group) => {
      const average = group.zeros();
      group.device.copy(group.values.range, average.range, average.bytes);
      return { group, average };
    });
    const names = new Map([...named].map(([name, parameter]) => [parameter, name]));
    for (const { group, average } of this.#averages) {
      for (const [i, parameter] of group.parameters.entries())
        this.#state.set(names.get(parameter)!, group.part(average, i));
    }
  }

  /**
   * Updates the averages with the present weights. Call it after each optimizer step. One dispatch per flat
   * buffer.
   */
  update(): void {
    for (const { group, average } of this.#averages) updateAverage(average, group.values, this.decay);
  }

  /** Swaps weights and averages: once to sample with the averages, once more to continue training. */
  swap(): void {
    for (const { group, average } of this.#averages) {
      const { device, values } = group;
      device.scope(() => {
        const between = empty(values.shape, { device });
        device.copy(values.range, between.range, values.bytes);
        device.copy(average.range, values.range, values.bytes);
        device.copy(between.range, average.range, values.bytes);
      });
    }
  }

  /** The averages by parameter name; they are the live tensors. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#state);
  }

  /** The averages and the module's buffers: a complete state dict for the module or a copy of it. */
  moduleStateDict(): Map<string, Tensor<DType>> {
    return new Map<string, Tensor<DType>>([...this.#module.stateDict(), ...this.#state]);
  }

  /** Copies averages from `entries`. @throws CheckpointError when names or shapes do not fit. */
  loadStateDict(entries: StateEntries): LoadReport {
    return loadStateDict('this average of weights', this.#state, entries);
  }

  /** Frees the averages; the module stays. */
  dispose(): void {
    for (const view of this.#state.values()) view.dispose();
    for (const { average } of this.#averages) average.dispose();
    this.#flat.release();
  }
}
