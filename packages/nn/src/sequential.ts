// Modules that are applied one after another.
import type { Shape, Tensor } from '@forger/tensor';
import { Module } from './module.ts';

/**
 * Applies modules one after another, as torch.nn.Sequential. Children are named 0, 1, …, or by the keys of an
 * object: `new Sequential({ main: new Sequential(…) })` has parameters `main.0.weight`, …. A Map keeps its order
 * also where keys are numbers, which an object sorts before all others. Neighbours that
 * can be computed in one fused pass are (see `Module.forwardWith`).
 */
export class Sequential extends Module {
  readonly #layers: [string, Module][];

  constructor(layers: Readonly<Record<string, Module>> | ReadonlyMap<string, Module>);
  constructor(...layers: Module[]);
  constructor(...layers: Module[] | [Readonly<Record<string, Module>> | ReadonlyMap<string, Module>]) {
    super();
    const named = layers.length === 1 && !(layers[0] instanceof Module) ? layers[0]! : layers;
    this.#layers = named instanceof Map ? [...named] : Object.entries(named as Record<string, Module>);
  }

  override namedChildren(): [string, Module][] {
    return [...this.#layers];
  }

  forward(x: Tensor): Tensor {
    const layers = this.#layers;
    let y = x;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[i]![1];
      const next = layers[i + 1]?.[1];
      const both = next ? layer.forwardWith(next, y) : null;
      if (both) i++;
      y = both ?? layer.forward(y);
    }
    return y;
  }

  override outputShape(input: Shape): Shape {
    return this.#layers.reduce((shape, [, layer]) => layer.outputShape(shape), input);
  }

  override macs(input: Shape): number {
    let shape = input;
    let total = 0;
    for (const [, layer] of this.#layers) {
      total += layer.macs(shape);
      shape = layer.outputShape(shape);
    }
    return total;
  }
}
