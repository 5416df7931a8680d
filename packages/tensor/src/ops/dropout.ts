// Dropout: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (JMLR
// 2014).

import { ConfigError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { draw } from '../rng.ts';
import { checkFloat32, empty, type Tensor } from '../tensor.ts';
import { mul } from './binary.ts';
import type { DrawOptions } from './random.ts';

export interface DropoutOptions extends DrawOptions {
  /** False returns x itself. Default true. */
  readonly training?: boolean | undefined;
}

/**
 * Sets each element to zero with probability p and multiplies the others by 1 / (1 - p), so that the mean
 * stays. The gradient is zero at the same elements and multiplied at the others. With p = 0 or without
 * training it returns x itself.
 * @param x float32, any shape.
 * @throws ConfigError when p is outside [0, 1].
 */
export function dropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  checkOptions('dropout', options, { training: true, rng: true });
  if (!(p >= 0 && p <= 1))
    throw new ConfigError(`dropout: p ${p} was given; expected a probability from 0 to 1.`);
  checkFloat32('dropout', x);
  if (p === 0 || options.training === false) return x;
  const mask = empty(x.shape, { device: x.device });
  draw(mask, options.rng, { kind: 'mask', p: 1 - p, value: p === 1 ? 0 : 1 / (1 - p) });
  const y = mul(x, mask);
  if (!y.requiresGrad) mask.dispose();
  return y;
}
