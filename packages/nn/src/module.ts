// The module: a forward pass with its parameters, buffers and child modules. Names and state dicts are
// PyTorch's, so that weights can be exchanged.
import { ConfigError, type DType, type Shape, type Tensor } from '@forger/tensor';
import { type LoadOptions, type LoadReport, loadStateDict, type StateEntries } from './state-dict.ts';

/**
 * Base class of layers and networks.
 *
 * A module in a field of another is its child, under the field's name and in the order in which the fields
 * were set. Private fields (`#`) are not seen. Parameters and buffers are registered with `registerParameter`
 * and `registerBuffer`, under their names in state dicts. `outputShape` and `macs` are for one sample: their
 * shapes have no batch dimension.
 */
export abstract class Module {
  /**
   * Training mode: batch norm uses batch statistics, dropout is active. Set it with `train()` and `eval()`.
   */
  training = true;
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor<DType>>();

  /** The result for a batch; the first dimension of every tensor is the batch. */
  abstract forward(...inputs: Tensor<DType>[]): Tensor;

  /**
   * The shape of the result for one sample of shape `input`.
   * @throws ShapeError when it does not fit. ConfigError for a module with children that does not override
   * this.
   */
  outputShape(input: Shape): Shape {
    if (this.namedChildren().length > 0) {
      throw new ConfigError(
        `${this.describe()} has child modules but does not say how they are joined; give it outputShape() and macs(), or make it a Sequential.`,
      );
    }
    return input;
  }

  /** Multiply-adds of one sample's forward pass, of products with weights. @throws as `outputShape`. */
  macs(input: Shape): number {
    this.outputShape(input);
    return 0;
  }

  /**
   * The result of this module followed by `next`, if one fused pass can compute both, otherwise null.
   * Sequential calls it. The values are those of the two forward passes.
   */
  forwardWith(_next: Module, _x: Tensor): Tensor | null {
    return null;
  }

  /** A short description for tables and messages: the class and its main settings. */
  describe(): string {
    return this.constructor.name;
  }

  /** Registers a parameter under its name in state dicts. It outlives scopes and requires gradients. */
  protected registerParameter(name: string, value: Tensor): Tensor {
    this.#parameters.set(name, value.keep().requiresGrad_());
    return value;
  }

  /** Renames a parameter in state dicts; its position stays. */
  protected renameParameter(from: string, to: string): void {
    const entries = [...this.#parameters];
    this.#parameters.clear();
    for (const [name, value] of entries) this.#parameters.set(name === from ? to : name, value);
  }

  /** Registers a buffer: state that is saved with the parameters but not trained. It outlives scopes. */
  protected registerBuffer<D extends DType>(name: string, value: Tensor<D>): Tensor<D> {
    this.#buffers.set(name, value.keep());
    return value;
  }

  /** The direct children by name, in order. @throws ConfigError on modules in a plain list or object. */
  namedChildren(): [string, Module][] {
    const children: [string, Module][] = [];
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) children.push([name, value]);
      else if (holdsModules(value)) {
        const [kind, instead] = Array.isArray(value) ? ['list', 'ModuleList'] : ['object', 'ModuleDict'];
        throw new ConfigError(
          `${this.describe()} keeps modules in the ${kind} '${name}', where they have no names; put them into a ${instead} or a Sequential.`,
        );
      }
    }
    return children;
  }

  /** This module and all modules below it by path ('' for itself), parents first. */
  namedModules(path = ''): [string, Module][] {
    const below = this.namedChildren().flatMap(([name, child]) =>
      child.namedModules(path === '' ? name : `${path}.${name}`),
    );
    return [[path, this], ...below];
  }

  /**
   * Calls `fn` on all modules below this one and then on itself, as torch.nn.Module.apply; for initialising
   * weights.
   */
  apply(fn: (module: Module) => void): this {
    for (const [, child] of this.namedChildren()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Parameters by path (`main.0.weight`). A shared parameter appears once, under its first name. */
  namedParameters(): Map<string, Tensor> {
    return unique(this.#collect((module) => module.#parameters));
  }

  /** The parameters in the order of `namedParameters`. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Buffers by path (`main.1.running_mean`). */
  namedBuffers(): Map<string, Tensor<DType>> {
    return unique(this.#collect((module) => module.#buffers));
  }

  /** The buffers in the order of `namedBuffers`. */
  buffers(): Tensor<DType>[] {
    return [...this.namedBuffers().values()];
  }

  #collect<D extends DType>(
    ...kinds: ((module: Module) => ReadonlyMap<string, Tensor<D>>)[]
  ): Map<string, Tensor<D>> {
    const found = new Map<string, Tensor<D>>();
    for (const [path, module] of this.namedModules()) {
      for (const kind of kinds) {
        for (const [name, value] of kind(module)) found.set(path === '' ? name : `${path}.${name}`, value);
      }
    }
    return found;
  }

  /** Sets training mode (or evaluation mode, with false) for this module and all below it. */
  train(mode = true): this {
    return this.apply((module) => {
      module.training = mode;
    });
  }

  /** Sets evaluation mode for this module and all below it: running statistics, no dropout, no noise. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Sets requiresGrad of all parameters; false freezes them: backward passes compute no gradients for them.
   */
  requiresGrad_(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(on);
    return this;
  }

  /** Sets the gradients of all parameters to null. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /**
   * Parameters and buffers with PyTorch's names, in its order. They are the module's own tensors, not copies.
   */
  stateDict(): Map<string, Tensor<DType>> {
    return this.#collect<DType>(
      (module) => module.#parameters,
      (module) => module.#buffers,
    );
  }

  /**
   * Copies the values of `entries` (of another module, or of a file) into parameters and buffers.
   * @param options `strict` (default true) rejects missing and unexpected names. Shapes must always agree.
   * @returns the missing and unexpected names.
   * @throws CheckpointError, which lists every name that does not fit, before any value is copied.
   */
  loadStateDict(entries: StateEntries, options: LoadOptions = {}): LoadReport {
    return loadStateDict(this.describe(), this.stateDict(), entries, options);
  }

  /** Frees parameters and buffers; the module is not usable afterwards. */
  dispose(): void {
    for (const value of this.stateDict().values()) value.dispose();
  }
}

/** Whether a plain array or object has modules in it. */
function holdsModules(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  return plain && Object.values(value).some((item) => item instanceof Module);
}

function unique<D extends DType>(named: Map<string, Tensor<D>>): Map<string, Tensor<D>> {
  const seen = new Set<Tensor<D>>();
  for (const [name, value] of named) {
    if (seen.has(value)) named.delete(name);
    seen.add(value);
  }
  return named;
}
