// When the discriminator takes real and generated images in one pass, and when each in a pass of its own.

import { canForwardBatches, type Module, summarize } from '@forger/nn';
import { type Device, type Shape, sizeOf } from '@forger/tensor';

/**
 * Whether one pass over two batches of `shape` gives the same to rounding and is faster.
 *
 * One pass computes the weight gradients once instead of twice, so what it saves grows with the weights. It keeps the
 * activations of both batches for its backward pass, so what it costs grows with these. It is used where the
 * network has at least as many parameters as its products have outputs for one batch. The `pytorch` recipe's step over
 * that of two passes, lavapipe 25.0:
 *
 *     size, width, batch     64, 64, 4   64, 64, 8   64, 64, 16   64, 64, 32   32, 64, 64   32, 32, 64
 *     parameters / outputs         5.6         2.8         1.4          0.7          0.4          0.2
 *     processor time              0.86        0.94        0.95         0.98         0.97         1.0
 *     memory of the plan          1.65        1.08        1.11         1.41         1.20         1.38
 *
 * Only sizes, layers and the adapter's limits decide, so a run and its resumption on the same adapter decide alike.
 */
export function worthOnePass(discriminator: Module, shape: Shape, device: Device): boolean {
  if (!canForwardBatches(discriminator)) return false;
  const [images, ...sample] = shape as [number, ...number[]];
  const layers = summarize(discriminator, sample);
  const sizes = layers.map(({ outputShape }) => sizeOf(outputShape));
  const { maxStorageBufferBindingSize, maxBufferSize } = device.gpu.limits;
  const largest = 2 * images * Math.max(sizeOf(sample), ...sizes) * 4;
  if (largest > Math.min(maxStorageBufferBindingSize, maxBufferSize)) return false;
  const parameters = layers.reduce((sum, layer) => sum + layer.parameters, 0);
  const outputs = layers.reduce((sum, { macs }, i) => sum + (macs > 0 ? sizes[i]! : 0), 0);
  return parameters >= images * outputs;
}
