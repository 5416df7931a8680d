// The base of all optimizers: flat buffers, learning rate and step counts on the device, saving and loading.
import { ConfigError, type Tensor, tensor } from '@forger/tensor';
import { advanceSteps, type FlatRun } from '@forger/tensor/internal';
import { type LoadOptions, type LoadReport, loadStateDict, type StateEntries } from '../state-dict.ts';
import { type FlatGroup, type FlatOptions, FlatParameters, namedList, type ParameterList } from './flat.ts';

export interface OptimizerOptions extends FlatOptions {
  /** Learning rate, at least 0. The default is the optimizer's. */
  readonly lr?: number | undefined;
  /** L2 penalty: weightDecay · parameter is added to the gradient (AdamW differs). Default 0. */
  readonly weightDecay?: number | undefined;
}

/** The flat buffers of one group: moments by PyTorch's names, and step states. */
interface GroupState {
  readonly group: FlatGroup;
  readonly moments: Readonly<Record<string, Tensor>>;
  readonly states: Tensor;
}

/**
 * Base class of the optimizers. The parameters move into flat buffers and stay the same tensors. As in
 * PyTorch, `step()` updates the parameters that have a gradient, and counts steps for each parameter. All
 * state is on the device, so that a captured step can be replayed; set `lr` between replays.
 * @throws ConfigError on an empty list, a repeated parameter, an option out of range, and when some of the
 * parameters belong to an optimizer or average of another list. ShapeError on parameters that are no float32
 * leaves of one device.
 */
export abstract class Optimizer {
  readonly #flat: FlatParameters;
  readonly #groups: readonly GroupState[];
  readonly #state = new Map<string, Tensor>();
  readonly #settings: Tensor;
  #lr: number;

  /** @param moments PyTorch's names of the moment buffers, in the order in which `update` binds them. */
  protected constructor(
    parameters: ParameterList,
    lr: number,
    moments: readonly string[],
    options: FlatOptions,
  ) {
    const named = namedList(parameters);
    this.#lr = checkAtLeast('lr', lr, 0);
    this.#flat = FlatParameters.of(
      named.map(([, parameter]) => parameter),
      options,
    );
    const { device } = this.#flat.groups[0]!;
    this.#settings = tensor([lr], undefined, { device }).keep();
    this.#groups = this.#flat.groups.map((group) => ({
      group,
      moments: Object.fromEntries(moments.map((name) => [name, group.zeros()])),
      states: group.states(),
    }));
    const names = new Map(named.map(([name, parameter]) => [parameter, name]));
    for (const { group, moments, states } of this.#groups) {
      // Creates the slots, so that the first backward pass already writes into them.
      void group.gradients;
      for (const [i, parameter] of group.parameters.entries()) {
        const name = names.get(parameter)!;
        const stride = states.shape[1]! * 4;
        this.#state.set(`${name}.step`, states.view([], i * stride).keep());
        for (const [moment, flat] of Object.entries(moments))
          this.#state.set(`${name}.${moment}`, group.part(flat, i));
      }
    }
  }

  /** Updates one run of parameters. Their step counts are already advanced. */
  protected abstract update(run: FlatRun, moments: Readonly<Record<string, Tensor>>): void;

  /** The betas of the bias corrections; overridden by Adam. */
  protected get correctedBetas(): readonly [number, number] {
    return [0, 0];
  }

  /** The parameters in the order in which they were given. */
  get parameters(): readonly Tensor[] {
    return this.#flat.parameters;
  }

  /** The learning rate. */
  get lr(): number {
    return this.#lr;
  }

  /** Takes effect at the next step. @throws ConfigError below 0. DeviceError inside device.capture(). */
  set lr(value: number) {
    if (value === this.#lr) return;
    this.#settings.write([checkAtLeast('lr', value, 0)]);
    this.#lr = value;
  }

  /** Sets all gradients to null; the next backward pass overwrites them. No work on the device. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.grad = null;
  }

  /** Updates every parameter that has a gradient. Does not wait. */
  step(): void {
    for (const { group, moments, states } of this.#groups) {
      for (const { grad, gradSlot } of group.parameters) {
        // A gradient outside the slot (set by hand, or recorded with createGraph) is copied into it.
        if (grad && gradSlot && grad !== gradSlot) grad.device.copy(grad.range, gradSlot.range, grad.bytes);
      }
      for (const active of group.activeRuns()) {
        const run = group.run(states, active);
        advanceSteps(run, this.#settings, this.correctedBetas);
        this.update(run, moments);
      }
    }
  }

  /**
   * The moments and step counts as `<parameter>.<name>`, with PyTorch's names (exp_avg, exp_avg_sq, step, …).
   * They are the live tensors. Learning rate and options are not included: pass them to the constructor
   * again.
   */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#state);
  }

  /** Restores a state of `stateDict()`, bit for bit. @throws CheckpointError when it does not fit. */
  loadStateDict(entries: StateEntries, options: LoadOptions = {}): LoadReport {
    return loadStateDict(`this ${this.constructor.name}`, this.#state, entries, options);
  }

  /** Frees moments and gradients; the parameters keep their values. */
  dispose(): void {
    for (const view of this.#state.values()) view.dispose();
    for (const { moments, states } of this.#groups)
      for (const t of [...Object.values(moments), states]) t.dispose();
    this.#settings.dispose();
    this.#flat.release();
  }
}

/** Throws ConfigError unless `value` is finite and within [least, below). */
export function checkAtLeast(
  name: string,
  value: number,
  least: number,
  below = Number.POSITIVE_INFINITY,
): number {
  if (!(value >= least && value < below)) {
    const range =
      below === Number.POSITIVE_INFINITY ? `at least ${least}` : `from ${least} to below ${below}`;
    throw new ConfigError(`${name} ${value} was given; expected a number ${range}.`);
  }
  return value;
}
