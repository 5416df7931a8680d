// The module: something with a forward pass, and the parameters, buffers and child modules that it is made of.
// Names and state dicts are PyTorch's, so that weights travel both ways.
import { ConfigError, type DType, type Shape, type Tensor } from '@forger/tensor';
import { type LoadOptions, type LoadReport, loadStateDict, type StateEntries } from './state-dict.ts';

/**
 * Base class of layers and networks. A module kept in a field of another is its child, under the field's name, in the
 * order in which the fields were set; fields named with `#` are not seen. Parameters and buffers are announced with
 * `registerParameter` and `registerBuffer` under the names that state dicts give them.
 *
 * `outputShape` and `macs` speak of one sample: shapes leave the batch dimension out.
 */
export abstract class Module {
  /** True while training: batch norm uses batch statistics, dropout drops. Set it with `train()` and `eval()`. */
  training = true;
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor<DType>>();

  /** The result for a batch of samples; the first dimension of every tensor is the batch. */
  abstract forward(...inputs: Tensor<DType>[]): Tensor;

  /** The shape that one sample of shape `input` becomes. Throws ShapeError when it does not fit. */
  outputShape(input: Shape): Shape {
    if (this.namedChildren().length > 0) {
      throw new ConfigError(
        `${this.describe()} has child modules but does not say how they are joined; give it outputShape() and macs(), or make it a Sequential.`,
      );
    }
    return input;
  }

  /** Multiply-adds of one sample's forward pass; only products with weights count. */
  macs(input: Shape): number {
    this.outputShape(input);
    return 0;
  }

  /**
   * The result of this module and of `next` behind it where one pass can do both, else null; then `forward` of each does.
   * Sequential asks for it. Both ways give the same values.
   */
  forwardWith(_next: Module, _x: Tensor): Tensor | null {
    return null;
  }

  /** What the module is, in a few words, for tables and messages. */
  describe(): string {
    return this.constructor.name;
  }

  /** Announces a parameter: it outlives scopes, and `backward()` fills its gradient. */
  protected registerParameter(name: string, value: Tensor): Tensor {
    this.#parameters.set(name, value.keep().requiresGrad_());
    return value;
  }

  /** Gives a parameter another name in state dicts, in its place. */
  protected renameParameter(from: string, to: string): void {
    const entries = [...this.#parameters];
    this.#parameters.clear();
    for (const [name, value] of entries) this.#parameters.set(name === from ? to : name, value);
  }

  /** Announces a buffer: state that is saved with the parameters but not trained. It outlives scopes. */
  protected registerBuffer<D extends DType>(name: string, value: Tensor<D>): Tensor<D> {
    this.#buffers.set(name, value.keep());
    return value;
  }

  /** The direct children by name, in order. */
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

  /** This module and everything below it, by path ('' for itself), parents first. */
  namedModules(path = ''): [string, Module][] {
    const below = this.namedChildren().flatMap(([name, child]) =>
      child.namedModules(path === '' ? name : `${path}.${name}`),
    );
    return [[path, this], ...below];
  }

  /** Calls `fn` on everything below this module and then on itself, as PyTorch's apply; for initialising weights. */
  apply(fn: (module: Module) => void): this {
    for (const [, child] of this.namedChildren()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Parameters by path (`main.0.weight`). One that is shared by several modules appears once, under its first name. */
  namedParameters(): Map<string, Tensor> {
    return unique(this.#collect((module) => module.#parameters));
  }

  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Buffers by path (`main.1.running_mean`). */
  namedBuffers(): Map<string, Tensor<DType>> {
    return unique(this.#collect((module) => module.#buffers));
  }

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

  /** Sets training mode here and below. */
  train(mode = true): this {
    return this.apply((module) => {
      module.training = mode;
    });
  }

  /** Sets inference mode here and below: running statistics, no dropout, no noise. */
  eval(): this {
    return this.train(false);
  }

  /** Sets requiresGrad of all parameters; false freezes them: backward passes compute no gradients for them. */
  requiresGrad_(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(on);
    return this;
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  /** Parameters and buffers under PyTorch's names and in its order: the live tensors, not copies. */
  stateDict(): Map<string, Tensor<DType>> {
    return this.#collect<DType>(
      (module) => module.#parameters,
      (module) => module.#buffers,
    );
  }

  /**
   * Copies the values of `entries` (from another module, or a file) into parameters and buffers.
   * @param options strict (default): refuse missing and unexpected names. Shapes must always agree.
   * @returns the names that were missing and unexpected (when not strict).
   * Throws CheckpointError, with every name that does not fit, before anything is changed.
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
