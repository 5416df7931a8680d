// The operations, by family.
export * from './binary.ts';
export { expand } from './broadcast.ts';
export * from './conv.ts';
export * from './creation.ts';
export * from './dropout.ts';
export * from './gather.ts';
export * from './loss.ts';
export * from './matmul.ts';
export * from './norm.ts';
export * from './pad-reflect.ts';
export * from './pool.ts';
export * from './random.ts';
export * from './reduce.ts';
export * from './softmax.ts';
export {
  cat,
  type PadPair,
  padConstant,
  permute,
  reshape,
  slice,
  stack,
  transpose,
} from './structure.ts';
export * from './unary.ts';
