// Lists and dictionaries of modules. They give modules names and make them children; they have no forward
// pass.
import { ConfigError, type Tensor } from '@forger/tensor';
import { Module } from './module.ts';

abstract class Container extends Module {
  /**
   * @throws ConfigError always, as in PyTorch: the module that owns the container says how its modules are
   * joined.
   */
  forward(): Tensor {
    throw new ConfigError(
      `${this.describe()} has no forward pass: call forward() of its modules in the module that holds it, or use a Sequential.`,
    );
  }
}

/**
 * Modules by number, as torch.nn.ModuleList. Kept in a field `blocks`, it has parameters `blocks.0.weight`,
 * ….
 */
export class ModuleList<M extends Module = Module> extends Container implements Iterable<M> {
  readonly #modules: M[];

  constructor(modules: Iterable<M> = []) {
    super();
    this.#modules = [...modules];
  }

  get length(): number {
    return this.#modules.length;
  }

  /**
   * The module at `index`, which counts from the end when negative.
   * @throws ConfigError when there is none.
   */
  at(index: number): M {
    const module = this.#modules.at(index);
    if (!module || !Number.isInteger(index)) {
      throw new ConfigError(
        `ModuleList: module ${index} was asked for; expected a whole number from ${-this.length} to ${this.length - 1}.`,
      );
    }
    return module;
  }

  /**
   * Adds a module at the end. Do so before an optimizer is made: it has the parameters that there are by
   * then.
   */
  append(module: M): this {
    this.#modules.push(module);
    return this;
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.#modules.values();
  }

  override namedChildren(): [string, Module][] {
    return this.#modules.map((module, i) => [String(i), module]);
  }
}

/**
 * Modules by name, as torch.nn.ModuleDict. Kept in a field `heads`, it has parameters `heads.<name>.weight`,
 * ….
 */
export class ModuleDict<Modules extends Readonly<Record<string, Module>>> extends Container {
  readonly #modules: Modules;

  /**
   * @throws ConfigError on a name that is empty or has a dot, which would not be told apart in a state dict.
   */
  constructor(modules: Modules) {
    super();
    const wrong = Object.keys(modules).find((name) => name === '' || name.includes('.'));
    if (wrong !== undefined)
      throw new ConfigError(
        `ModuleDict: the name "${wrong}" was given; expected one or more characters, no dot.`,
      );
    this.#modules = { ...modules };
  }

  /** The module of a name. @throws ConfigError when there is none. */
  get<Name extends keyof Modules & string>(name: Name): Modules[Name] {
    if (!Object.hasOwn(this.#modules, name)) {
      throw new ConfigError(
        `ModuleDict: module "${name}" was asked for; there are ${Object.keys(this.#modules).join(', ')}.`,
      );
    }
    return this.#modules[name];
  }

  /** (name, module) pairs in the order in which they were given. */
  entries(): [keyof Modules & string, Modules[keyof Modules]][] {
    return Object.entries(this.#modules) as [keyof Modules & string, Modules[keyof Modules]][];
  }

  override namedChildren(): [string, Module][] {
    return Object.entries(this.#modules);
  }
}
