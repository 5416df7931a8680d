// A table of a network's layers: shapes, parameters and multiply-adds of one sample.
import type { DType, Shape, Tensor } from '@forger/tensor';
import type { Module } from './module.ts';
import { Sequential } from './sequential.ts';

export interface SummaryRow {
  /** The path of the layer, `main.0`. */
  readonly name: string;
  /** The description of the layer: `Conv2d 4×4 s2 p1`. */
  readonly op: string;
  /** Shape of the result for one sample. */
  readonly outputShape: Shape;
  /** Number of values in parameters. */
  readonly parameters: number;
  /** Number of values in float32 buffers. */
  readonly buffers: number;
  /** Multiply-adds of one sample, forward. */
  readonly macs: number;
}

/**
 * One row for each layer in forward order. A Sequential is expanded; any other module is one row.
 * @param inputShape shape of one sample, without the batch dimension.
 * @throws ShapeError when it does not fit a layer.
 */
export function summarize(module: Module, inputShape: Shape): SummaryRow[] {
  const rows: SummaryRow[] = [];
  walk(module, '', inputShape, rows);
  return rows;
}

function walk(module: Module, name: string, input: Shape, rows: SummaryRow[]): Shape {
  if (module instanceof Sequential) {
    return module
      .namedChildren()
      .reduce((shape, [key, child]) => walk(child, name === '' ? key : `${name}.${key}`, shape, rows), input);
  }
  const outputShape = module.outputShape(input);
  rows.push({
    name,
    op: module.describe(),
    outputShape,
    parameters: count(module.parameters()),
    buffers: count(module.buffers().filter((buffer) => buffer.dtype === 'float32')),
    macs: module.macs(input),
  });
  return outputShape;
}

function count(tensors: readonly Tensor<DType>[]): number {
  return tensors.reduce((total, t) => total + t.size, 0);
}
