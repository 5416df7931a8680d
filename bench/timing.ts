// Timing lives in @forger/tensor.
export { type Timing, timeInterleaved } from '@forger/tensor/internal';

export const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
