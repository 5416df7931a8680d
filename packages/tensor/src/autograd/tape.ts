// The tape: every result records the operation that computed it. `backward` and `grad` walk the records in
// reverse.
//
// An operation's backward is made of operations too, so with `createGraph` the gradients are themselves
// recorded and can be differentiated again. Reverse-mode differentiation as in Griewank & Walther,
// "Evaluating Derivatives", ch. 3.
import { DeviceError, ShapeError } from '../errors.ts';
import { binary } from '../kernels/binary.ts';
import { addInPlace, copyInto, fill } from '../kernels/fill.ts';
import { sameShape, showShape } from '../shape.ts';
import { type BackwardFunction, type DType, empty, Tensor } from '../tensor.ts';

let recording = true;
let nextOrder = 0;

/** Whether operations are recorded for gradients. */
export function isGradEnabled(): boolean {
  return recording;
}

function withRecording<T>(on: boolean, fn: () => T): T {
  const before = recording;
  recording = on;
  try {
    return fn();
  } finally {
    recording = before;
  }
}

/**
 * Runs `fn`, which must be synchronous, without recording: its results have no graph and need no gradient.
 * @throws TypeError when `fn` is async.
 */
export function noGrad<T>(fn: () => T): T {
  const result = withRecording(false, fn);
  if (result instanceof Promise)
    throw new TypeError(
      'noGrad() was given an async function; do the waiting outside it and pass a plain function.',
    );
  return result;
}

/** Gradients that are known to be 1: those that a backward pass starts from, and views of them. */
const ones = new WeakSet<Tensor>();

/**
 * Whether the gradient that a backward function received is known to be 1: the start of `backward` or `grad`.
 */
export function isOne(gy: Tensor): boolean {
  return ones.has(gy);
}

/** Records `output = name(inputs)`; returns `output`. Called by every differentiable operation. */
export function record<D extends DType>(
  name: string,
  output: Tensor<D>,
  inputs: readonly Tensor<DType>[],
  backward: BackwardFunction,
): Tensor<D> {
  if (recording && inputs.some((t) => t.requiresGrad)) {
    output.requiresGrad = true;
    output.gradFunction = { name, inputs, backward, order: nextOrder++ };
  }
  return output;
}

/** The sum of two gradients of one tensor, itself recorded when the backward pass is. */
function sum(a: Tensor, b: Tensor): Tensor {
  return record('add', binary('add', a, b), [a, b], (gy) => [gy, gy]);
}

export interface BackwardOptions {
  /** Record the backward pass, so that its gradients can be differentiated. Default false. */
  readonly createGraph?: boolean;
}

/** A tensor of the graph. Only float32 ones have gradients. */
type Vertex = Tensor<DType>;

/**
 * For every tensor that `outputs` were computed from: whether it was computed from a wanted tensor or is one.
 */
function reachable(outputs: readonly Tensor[], wanted: (t: Vertex) => boolean): Map<Vertex, boolean> {
  const leads = new Map<Vertex, boolean>();
  const stack: { tensor: Vertex; expanded: boolean }[] = outputs.map((tensor) => ({
    tensor,
    expanded: false,
  }));
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    if (top.tensor.disposed) {
      throw new DeviceError(
        `A tensor of shape ${showShape(top.tensor.shape)} that the result was computed from has been freed: call backward() or grad() inside the scope that made it.`,
      );
    }
    const inputs = top.tensor.gradFunction?.inputs ?? [];
    if (!top.expanded) {
      if (leads.has(top.tensor)) {
        stack.pop();
        continue;
      }
      top.expanded = true;
      for (const input of inputs) {
        if (input.requiresGrad && !leads.has(input)) stack.push({ tensor: input, expanded: false });
      }
      continue;
    }
    leads.set(top.tensor, wanted(top.tensor) || inputs.some((input) => leads.get(input) === true));
    stack.pop();
  }
  return leads;
}

/** Walks the tape back from `outputs`; `deliver` receives the finished gradient of every wanted tensor. */
function walk(
  outputs: readonly Tensor[],
  gradOutputs: readonly Tensor[],
  wanted: (t: Vertex) => boolean,
  deliver: (t: Vertex, g: Tensor) => void,
  createGraph: boolean,
): void {
  const leads = reachable(outputs, wanted);
  const grads = new Map<Vertex, Tensor>();
  const borrowed = new Set<Tensor>(gradOutputs);
  const give = (t: Vertex, g: Tensor): void => {
    const before = grads.get(t);
    grads.set(t, before ? sum(before, g) : g);
    if (!before || createGraph) return;
    for (const part of [before, g]) if (!borrowed.has(part)) part.dispose();
  };
  const finish = (t: Vertex, g: Tensor): void => {
    ones.delete(g); // the receiver may write to it
    deliver(t, borrowed.has(g) && !createGraph ? g.view(g.shape) : g);
  };
  for (const [i, output] of outputs.entries()) if (leads.get(output)) give(output, gradOutputs[i]!);

  const pending = [...leads.keys()].filter((t) => leads.get(t) && t.gradFunction);
  pending.sort((a, b) => b.gradFunction!.order - a.gradFunction!.order);
  for (const tensor of pending) {
    const gy = grads.get(tensor);
    if (!gy) continue;
    const { inputs, backward, name } = tensor.gradFunction!;
    const needs = inputs.map((input) => leads.get(input) === true);
    const results = createGraph ? backward(gy, needs) : tensor.device.scope(() => [...backward(gy, needs)]);
    for (const [i, input] of inputs.entries()) {
      const g = results[i];
      if (!g) {
        if (needs[i])
          throw new Error(`The backward of ${name} gave no gradient for its input ${i}; this is a bug.`);
        continue;
      }
      // A backward function may return one tensor for several inputs; each receiver gets a view of its own.
      const own = createGraph || (results.indexOf(g) === i && g !== gy);
      if (!needs[i]) continue;
      const handle = own ? g : g.view(g.shape);
      if (g === gy && ones.has(gy)) ones.add(handle);
      give(input, handle);
    }
    if (wanted(tensor)) finish(tensor, gy);
    else if (!createGraph && !borrowed.has(gy)) gy.dispose();
    grads.delete(tensor);
  }
  for (const [tensor, g] of grads) if (wanted(tensor)) finish(tensor, g);
}

/** Runs a backward pass from `output`, itself recorded or not. */
function asBackward<T>(output: Tensor, createGraph: boolean, fn: () => T): T {
  return output.device.inBackward(() => withRecording(createGraph, fn));
}

function seedGradients(outputs: readonly Tensor[], given: readonly Tensor[] | undefined): Tensor[] {
  return outputs.map((output, i) => {
    if (!output.requiresGrad) {
      throw new ShapeError(
        'backward() or grad() was called on a tensor that needs no gradient: no input has requiresGrad set, or it was made under noGrad() or its scope had ended.',
      );
    }
    const g = given?.[i];
    if (g) {
      if (!sameShape(g.shape, output.shape)) {
        throw new ShapeError(
          `A gradient of shape ${showShape(g.shape)} was given for an output of shape ${showShape(output.shape)}.`,
        );
      }
      return g;
    }
    if (output.size !== 1) {
      throw new ShapeError(
        `backward() starts from a tensor of one element; this one has shape ${showShape(output.shape)}: reduce it (mean, sum) or pass its gradient.`,
      );
    }
    const one = fill(empty(output.shape, { device: output.device }), 1);
    ones.add(one);
    return one;
  });
}

/**
 * Adds the gradient of `output` to `.grad` of every leaf that it was computed from and that needs a gradient,
 * as torch.Tensor.backward. The graph stays, so that a second call adds the gradients again.
 * @param gradOutput gradient of `output`, same shape. Default 1, and then `output` must have one element.
 * @throws ShapeError when `output` needs no gradient, has several elements without `gradOutput`, or another
 * shape than it. DeviceError when a part of the graph has been freed.
 */
export function backward(output: Tensor, gradOutput?: Tensor, options: BackwardOptions = {}): void {
  const createGraph = options.createGraph ?? false;
  const run = (): void =>
    asBackward(output, createGraph, () => {
      const seeds = seedGradients([output], gradOutput && [gradOutput]);
      const isLeaf = (t: Vertex): boolean => t.requiresGrad && t.gradFunction === null;
      walk([output], seeds, isLeaf, (leaf, g) => accumulate(leaf, g, createGraph), createGraph);
    });
  if (createGraph) run();
  else output.device.scope(run);
}

/**
 * Adds `g` to a leaf's gradient: in its `gradSlot` if it has one, otherwise in a tensor that lives as long as the
 * leaf.
 */
function accumulate(leaf: Vertex, g: Tensor, createGraph: boolean): void {
  const { grad, gradSlot } = leaf;
  if (gradSlot && !createGraph) {
    if (grad && grad !== gradSlot) copyInto(gradSlot, grad);
    if (grad) addInPlace(gradSlot, g);
    else copyInto(gradSlot, g);
    leaf.grad = gradSlot;
    return;
  }
  leaf.grad = grad ? sum(grad, g) : g;
  leaf.device.scopes.follow(leaf.grad, leaf);
  if (grad && !createGraph && grad !== gradSlot) grad.dispose();
}

export interface GradOptions extends BackwardOptions {
  /** Gradients of `outputs`, of their shapes. Default 1 for each, and then each must have one element. */
  readonly gradOutputs?: readonly Tensor[];
  /** Give null for an input that no output depends on, instead of an error. Default false. */
  readonly allowUnused?: boolean;
}

/** One gradient for each of the inputs T, in their order. */
export type Gradients<T extends readonly Tensor[], G = Tensor> = { -readonly [I in keyof T]: G };

/**
 * The gradients of the sum of `outputs` in `inputs`, which may be any tensors of the graph, as
 * torch.autograd.grad: one for each input, in its shape. `.grad` of the leaves stays as it is.
 * @throws ShapeError when no gradient can reach an input (unless `allowUnused`), when an output needs no
 * gradient, and when an output of several elements comes without its gradient. DeviceError when a part of the
 * graph has been freed.
 */
export function grad<const T extends readonly Tensor[]>(
  outputs: Tensor | readonly Tensor[],
  inputs: T,
  options?: GradOptions & { readonly allowUnused?: false },
): Gradients<T>;
export function grad<const T extends readonly Tensor[]>(
  outputs: Tensor | readonly Tensor[],
  inputs: T,
  options: GradOptions,
): Gradients<T, Tensor | null>;
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const list = outputs instanceof Tensor ? [outputs] : outputs;
  const { createGraph = false, allowUnused = false, gradOutputs } = options;
  const run = (): (Tensor | null)[] =>
    asBackward(list[0]!, createGraph, () => {
      const results = new Map<Vertex, Tensor>();
      const targets = new Set<Vertex>(inputs);
      walk(
        list,
        seedGradients(list, gradOutputs),
        (t) => targets.has(t),
        (t, g) => results.set(t, g),
        createGraph,
      );
      return inputs.map((input, i) => {
        const g = results.get(input) ?? null;
        if (!g && !allowUnused) throw unused(input, i);
        return g;
      });
    });
  // A recorded backward pass belongs to the caller's scope: its intermediate results are needed again.
  return createGraph ? run() : list[0]!.device.scope(run);
}

function unused(input: Tensor, i: number): ShapeError {
  const why = input.requiresGrad
    ? 'no output was computed from it while gradients were recorded'
    : 'it has no requiresGrad: call requiresGrad_() before the outputs are computed';
  return new ShapeError(
    `grad(): input ${i}, of shape ${showShape(input.shape)}, takes no part in the outputs: ${why}. Pass { allowUnused: true } to get null for it.`,
  );
}
