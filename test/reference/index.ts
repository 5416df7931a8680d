/** The table of reference operations, by name: float64, written from the definitions, slow and plain. */
import * as binary from './binary.ts';
import * as conv from './conv.ts';
import * as dropout from './dropout.ts';
import * as loss from './loss.ts';
import * as matmul from './matmul.ts';
import * as norm from './norm.ts';
import type { ReferenceOp } from './op.ts';
import * as pool from './pool.ts';
import * as reduce from './reduce.ts';
import * as softmax from './softmax.ts';
import * as structure from './structure.ts';
import { unaryOps } from './unary.ts';

export type { Ref } from './array.ts';
export type { ReferenceOp } from './op.ts';

export const referenceOps = {
  conv2d: conv.conv2d,
  convTranspose2d: conv.convTranspose2d,
  matmul: matmul.matmul,
  linear: matmul.linear,
  batchNorm: norm.batchNorm,
  instanceNorm: norm.instanceNorm,
  maxPool2d: pool.maxPool2d,
  avgPool2d: pool.avgPool2d,
  globalAvgPool2d: pool.globalAvgPool2d,
  ...unaryOps,
  softmax: softmax.softmax,
  logSoftmax: softmax.logSoftmax,
  add: binary.add,
  sub: binary.sub,
  mul: binary.mul,
  div: binary.div,
  maximum: binary.maximum,
  minimum: binary.minimum,
  squaredDifference: binary.squaredDifference,
  dropout: dropout.dropout,
  sum: reduce.sum,
  mean: reduce.mean,
  var: reduce.variance,
  max: reduce.max,
  min: reduce.min,
  reshape: structure.reshape,
  permute: structure.permute,
  transpose: structure.transpose,
  cat: structure.cat,
  stack: structure.stack,
  slice: structure.slice,
  expand: structure.expand,
  pad: structure.pad,
  reflectionPad2d: structure.reflectionPad2d,
  indexSelect: structure.indexSelect,
  bce: loss.bce,
  bceWithLogits: loss.bceWithLogits,
  mse: loss.mse,
  l1: loss.l1,
  crossEntropy: loss.crossEntropy,
  softplusGan: loss.softplusGan,
} satisfies Record<string, ReferenceOp<unknown>>;

export type ReferenceOpName = keyof typeof referenceOps;

/** The reference operation of a name known only at run time; its arguments are then unchecked. */
export function referenceOp(name: string): ReferenceOp<unknown> {
  if (!Object.hasOwn(referenceOps, name)) throw new Error(`There is no reference operation "${name}".`);
  return referenceOps[name as ReferenceOpName] as ReferenceOp<unknown>;
}
