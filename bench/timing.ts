// Timing lives in @forger/tensor.
export { type Timing, timeInterleaved } from '@forger/tensor';
