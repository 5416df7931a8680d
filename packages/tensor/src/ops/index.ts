// The operations, by family.
export * from './binary.ts';
export * from './conv.ts';
export * from './loss.ts';
export * from './matmul.ts';
export * from './norm.ts';
export * from './reduce.ts';
export * from './softmax.ts';
export * from './structure.ts';
export * from './unary.ts';
