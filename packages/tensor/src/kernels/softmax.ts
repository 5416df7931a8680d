// softmax and log softmax along one dimension.
import { sizeOf } from '../shape.ts';
import { checkFloat32, empty, type Tensor } from '../tensor.ts';
import { flatWorkgroup } from './launch.ts';

/** Elements of a line that one invocation takes before the line is shared; also keeps its float32 sum accurate. */
const elementsPerLane = 16;
const mostLanes = 256;

/** softmax (or its logarithm) of every line of x along dimension `dim`, 0..rank-1. */
export function softmaxLines(x: Tensor, dim: number, log: boolean): Tensor {
  const name = log ? 'logSoftmax' : 'softmax';
  checkFloat32(name, x);
  const length = x.shape[dim] ?? 1;
  const inner = sizeOf(x.shape.slice(dim + 1));
  const lines = x.size / length;
  let lanes = 1;
  while (lanes < mostLanes && lanes * elementsPerLane < length) lanes *= 2;
  const workgroup = Math.max(flatWorkgroup, lanes);
  const y = empty(x.shape, { device: x.device });
  x.device.dispatch(
    {
      name,
      files: ['elementwise/is_nan.wgsl', 'elementwise/elementary.wgsl', 'softmax/softmax.wgsl'],
      constants: { WORKGROUP: workgroup, LANES: lanes, LINES_FIRST: inner > 1, LOG: log },
      bindings: ['read', 'write'],
    },
    [lines, length, inner],
    [x.range, y.range],
    [Math.min(65_535, Math.ceil((lines * lanes) / workgroup)), 1, 1],
  );
  return y;
}
