// Reading rows by index.
import { record } from '../autograd/tape.ts';
import { DataError, ShapeError } from '../errors.ts';
import { sumRows, takeRows } from '../kernels/gather.ts';
import { showShape } from '../shape.ts';
import { type DType, Tensor, tensor } from '../tensor.ts';

/** Indices on the device. */
export type IndexTensor = Tensor<'int32' | 'uint32'>;

/**
 * Rows of x (entries of its dimension 0) in the order of `indices`, which may repeat: (M, …) → (indices, …),
 * as torch.index_select along dimension 0. The gradient of a row is the sum over its repeats, in their order.
 * @param x any dtype, at least one dimension.
 * @param indices whole numbers from 0 to M - 1: a list, or an int32 or uint32 tensor of one dimension. In a
 * tensor, which only the device can read, an index out of range gives a row of NaN (0x7fc00000 in integers).
 * @throws DataError on an index out of range in a list. ShapeError on a scalar x, no indices, or indices of
 * another kind.
 */
export function indexSelect<D extends DType>(
  x: Tensor<D>,
  indices: IndexTensor | readonly number[],
): Tensor<D> {
  if (x.rank === 0)
    throw new ShapeError('indexSelect: a scalar was given; expected at least one dimension of rows.');
  const index = indices instanceof Tensor ? checkTensor(indices) : upload(x, indices);
  return record('indexSelect', takeRows(x, index), [x], (gy) => [rowSums(gy, index, x.shape[0]!)]);
}

function rowSums(g: Tensor, index: IndexTensor, rows: number): Tensor {
  return record('indexSelectBackward', sumRows(g, index, rows), [g], (gy) => [indexSelect(gy, index)]);
}

function checkTensor(indices: Tensor<DType>): IndexTensor {
  if (indices.rank !== 1 || indices.dtype === 'float32') {
    throw new ShapeError(
      `indexSelect: indices of ${indices.dtype} with shape ${showShape(indices.shape)} were given; expected int32 or uint32 with one dimension.`,
    );
  }
  return indices as IndexTensor;
}

function upload(x: Tensor<DType>, indices: readonly number[]): IndexTensor {
  const rows = x.shape[0]!;
  if (indices.length === 0)
    throw new ShapeError('indexSelect: an empty list was given; expected at least one index.');
  for (const i of indices) {
    if (!Number.isInteger(i) || i < 0 || i >= rows)
      throw new DataError(
        `indexSelect: index ${i} was given for a tensor of ${rows} rows; expected whole numbers from 0 to ${rows - 1}.`,
      );
  }
  return tensor(Uint32Array.from(indices), [indices.length], { device: x.device, dtype: 'uint32' });
}
