// Flat parameters: a few buffers hold the values of many parameters, and buffers of the same layout hold
// their gradients. One dispatch then updates a whole network, and one command clears or averages it.
//
// Every parameter starts at a multiple of flatChunk floats; the gap behind it is filled with zeros. A
// parameter that moves into a flat buffer stays the same Tensor, and `backward()` writes its gradient into
// its slot (Tensor.gradSlot).
import { ConfigError, type Device, ShapeError, Tensor, tensor, zeros } from '@forger/tensor';
import { type FlatRun, flatChunk, stateStride } from '@forger/tensor/internal';

/**
 * Parameters, or (name, parameter) pairs as of `module.namedParameters()`. Without names they are numbered.
 */
export type ParameterList = Iterable<Tensor | readonly [string, Tensor]>;

export function namedList(parameters: ParameterList): [string, Tensor][] {
  if (typeof (parameters as Partial<ParameterList> | null)?.[Symbol.iterator] !== 'function') {
    const module = typeof (parameters as { parameters?: unknown } | null)?.parameters === 'function';
    throw new TypeError(
      `An optimizer takes a list of parameters, and ${module ? 'a module was given: write module.parameters()' : `${String(parameters)} was given`}.`,
    );
  }
  const list = Array.from(parameters, (item, i): [string, Tensor] =>
    item instanceof Tensor ? [String(i), item] : [item[0], item[1]],
  );
  if (list.length === 0)
    throw new ConfigError('An empty list of parameters was given; expected at least one.');
  return list;
}

/** Parameters that share one set of flat buffers. */
export class FlatGroup {
  readonly parameters: readonly Tensor[];
  readonly device: Device;
  /** The values of all parameters, with gaps. */
  readonly values: Tensor;
  /** For each chunk the number of its parameter. */
  readonly owners: Tensor<'uint32'>;
  /** The first chunk of each parameter, followed by the number of chunks. */
  readonly starts: readonly number[];
  #gradients: Tensor | null = null;

  constructor(parameters: readonly Tensor[]) {
    this.parameters = parameters;
    this.device = parameters[0]!.device;
    const starts = [0];
    const owners: number[] = [];
    for (const [i, { size }] of parameters.entries()) {
      for (let chunk = 0; chunk < chunksOf(size); chunk++) owners.push(i);
      starts.push(owners.length);
    }
    this.starts = starts;
    this.owners = tensor(Uint32Array.from(owners), undefined, {
      device: this.device,
      dtype: 'uint32',
    }).keep();
    this.values = this.zeros();
    for (const [i, parameter] of parameters.entries()) {
      parameter.rebind(this.values.storage.retain(), this.byteOffset(i));
    }
  }

  byteOffset(parameter: number): number {
    return this.starts[parameter]! * flatChunk * 4;
  }

  /** A flat buffer of zeros in this layout, for moments and averages. It outlives scopes. */
  zeros(): Tensor {
    return zeros([this.starts.at(-1)! * flatChunk], { device: this.device }).keep();
  }

  /** The view of a flat buffer for one parameter, in its shape. It outlives scopes. */
  part(flat: Tensor, parameter: number): Tensor {
    return flat.view(this.parameters[parameter]!.shape, this.byteOffset(parameter)).keep();
  }

  /** The buffer of gradients. It is created at the first use; the parameters' slots are views of it. */
  get gradients(): Tensor {
    if (!this.#gradients) {
      this.#gradients = this.zeros();
      for (const [i, parameter] of this.parameters.entries()) {
        parameter.gradSlot = this.part(this.#gradients, i);
      }
    }
    return this.#gradients;
  }

  /** The parameters with a gradient as runs of neighbours: one run if all have one. */
  activeRuns(): { first: number; count: number }[] {
    const runs: { first: number; count: number }[] = [];
    for (const [i, { grad }] of this.parameters.entries()) {
      if (!grad) continue;
      const last = runs.at(-1);
      if (last && last.first + last.count === i) last.count++;
      else runs.push({ first: i, count: 1 });
    }
    return runs;
  }

  /** The description of a run for the kernels. */
  run(states: Tensor, { first, count }: { first: number; count: number }): FlatRun {
    const firstChunk = this.starts[first]!;
    return {
      values: this.values,
      gradients: this.gradients,
      owners: this.owners,
      states,
      firstParameter: first,
      parameters: count,
      firstChunk,
      chunks: this.starts[first + count]! - firstChunk,
    };
  }

  /** A buffer for the step states of the parameters. It outlives scopes. */
  states(): Tensor {
    return zeros([this.parameters.length, stateStride], { device: this.device }).keep();
  }

  /** Releases the buffers. The parameters stay in them and keep their values. */
  dispose(): void {
    for (const parameter of this.parameters) {
      parameter.gradSlot?.dispose();
      parameter.gradSlot = null;
      parameter.grad = null;
    }
    this.#gradients?.dispose();
    this.values.dispose();
    this.owners.dispose();
  }
}

function chunksOf(size: number): number {
  return Math.ceil(size / flatChunk);
}

export interface FlatOptions {
  /** Most bytes of one flat buffer. Default: the device's binding limit. */
  readonly maxBytes?: number | undefined;
}

const homes = new WeakMap<Tensor, FlatParameters>();

/** The layout of a list of parameters in flat groups, shared by the optimizers and averages of that list. */
export class FlatParameters {
  readonly parameters: readonly Tensor[];
  readonly groups: readonly FlatGroup[];
  #users = 0;

  /**
   * The layout of exactly these parameters: the existing one, or a new one that they move into.
   * @throws ConfigError when some of them already belong to another layout.
   */
  static of(parameters: readonly Tensor[], options: FlatOptions = {}): FlatParameters {
    const home = homes.get(parameters[0]!);
    const same = home?.parameters.length === parameters.length;
    if (home && same && parameters.every((p, i) => home.parameters[i] === p)) return home.#use();
    if (parameters.some((p) => homes.has(p))) {
      throw new ConfigError(
        'Some of these parameters already belong to an optimizer or average of another list of parameters; give both the same list in the same order, or dispose() of the other first.',
      );
    }
    return new FlatParameters(parameters, options).#use();
  }

  private constructor(parameters: readonly Tensor[], { maxBytes }: FlatOptions) {
    for (const p of parameters) {
      if (p.dtype !== 'float32' || p.gradFunction || p.device !== parameters[0]!.device) {
        throw new ShapeError(
          `${p.toString()} was given as a parameter; expected float32 leaves on one device, not results of operations.`,
        );
      }
    }
    if (new Set(parameters).size !== parameters.length)
      throw new ConfigError('A parameter was given twice; give each once.');
    this.parameters = parameters;
    const { maxStorageBufferBindingSize, maxBufferSize } = parameters[0]!.device.gpu.limits;
    const most = Math.floor(
      (maxBytes ?? Math.min(maxStorageBufferBindingSize, maxBufferSize)) / (flatChunk * 4),
    );
    const lists: Tensor[][] = [];
    let room = 0;
    for (const p of parameters) {
      const chunks = chunksOf(p.size);
      if (lists.length === 0 || chunks > room) {
        lists.push([]);
        room = most;
      }
      lists.at(-1)!.push(p);
      room -= chunks;
    }
    this.groups = lists.map((list) => new FlatGroup(list));
    for (const p of parameters) homes.set(p, this);
  }

  #use(): this {
    this.#users++;
    return this;
  }

  /** Ends one use. The last one releases gradients and layout. */
  release(): void {
    if (--this.#users > 0) return;
    for (const p of this.parameters) homes.delete(p);
    for (const group of this.groups) group.dispose();
  }
}
