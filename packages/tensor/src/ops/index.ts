// The operations, by family.
export * from './binary.ts';
export * from './reduce.ts';
export * from './structure.ts';
export * from './unary.ts';
