// Tensors for tests: from the reference's arrays, and past the type checker.
import { type Device, type DType, type Tensor, tensor } from '@forger/tensor';
import type { Ref } from '../reference/array.ts';

/** A float32 tensor of a reference array's values, on the default device unless one is named. */
export const toTensor = (r: Ref, device?: Device): Tensor => tensor(r.data, r.shape, { device });

/** The same tensor with its dtype hidden from the type checker: what a caller in plain JavaScript can pass. */
export const untyped = (x: Tensor<DType>): Tensor => x as Tensor;
