/** The optimizers of torch.optim in float64, one parameter at a time, as its documentation writes their algorithms. */

export interface ReferenceOptimizer {
  /** Updates `p` in place. `t` counts this parameter's steps from 1. */
  step(p: Float64Array, g: Float64Array, t: number): void;
}

const perElement = (size: number): Float64Array => new Float64Array(size);

export function sgd(size: number, o: SgdOptions): ReferenceOptimizer {
  const { lr, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = o;
  const buffer = perElement(size);
  return {
    step(p, gradient, t) {
      for (let i = 0; i < size; i++) {
        let g = gradient[i]! + weightDecay * p[i]!;
        if (momentum !== 0) {
          buffer[i] = t === 1 ? g : momentum * buffer[i]! + (1 - dampening) * g;
          g = nesterov ? g + momentum * buffer[i]! : buffer[i]!;
        }
        p[i]! -= lr * g;
      }
    },
  };
}

export interface SgdOptions {
  lr: number;
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
  weightDecay?: number;
}

export interface RmspropOptions {
  lr: number;
  alpha?: number;
  eps?: number;
  momentum?: number;
  centered?: boolean;
  weightDecay?: number;
}

export function rmsprop(size: number, o: RmspropOptions): ReferenceOptimizer {
  const { lr, alpha = 0.99, eps = 1e-8, momentum = 0, centered = false, weightDecay = 0 } = o;
  const [squares, means, buffer] = [perElement(size), perElement(size), perElement(size)];
  return {
    step(p, gradient) {
      for (let i = 0; i < size; i++) {
        const g = gradient[i]! + weightDecay * p[i]!;
        squares[i] = alpha * squares[i]! + (1 - alpha) * g * g;
        let spread = squares[i]!;
        if (centered) {
          means[i] = alpha * means[i]! + (1 - alpha) * g;
          spread -= means[i]! ** 2;
        }
        const direction = g / (Math.sqrt(spread) + eps);
        buffer[i] = momentum * buffer[i]! + direction;
        p[i]! -= lr * (momentum > 0 ? buffer[i]! : direction);
      }
    },
  };
}

export interface AdamOptions {
  lr: number;
  betas?: readonly [number, number];
  eps?: number;
  weightDecay?: number;
  decoupled?: boolean;
  epsPlacement?: 'pytorch' | 'chainer';
}

export function adam(size: number, o: AdamOptions): ReferenceOptimizer {
  const { lr, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, decoupled = false } = o;
  const [b1, b2] = betas;
  const [m, v] = [perElement(size), perElement(size)];
  return {
    step(p, gradient, t) {
      const [c1, c2] = [1 - b1 ** t, 1 - b2 ** t];
      for (let i = 0; i < size; i++) {
        let g = gradient[i]!;
        if (decoupled) p[i]! *= 1 - lr * weightDecay;
        else g += weightDecay * p[i]!;
        m[i] = b1 * m[i]! + (1 - b1) * g;
        v[i] = b2 * v[i]! + (1 - b2) * g * g;
        p[i]! -=
          o.epsPlacement === 'chainer'
            ? (((lr * Math.sqrt(c2)) / c1) * m[i]!) / (Math.sqrt(v[i]!) + eps)
            : ((lr / c1) * m[i]!) / (Math.sqrt(v[i]!) / Math.sqrt(c2) + eps);
      }
    },
  };
}
