// The optimizers, in order of increasing complexity. Formulas stand in shaders/optimizer/; names, defaults
// and order of operations are PyTorch's.
import { ConfigError, type Tensor } from '@forger/tensor';
import { adamStep, checkOptions, type FlatRun, rmspropStep, sgdStep } from '@forger/tensor/internal';
import type { ParameterList } from './flat.ts';
import { checkAtLeast, Optimizer, type OptimizerOptions } from './optimizer.ts';

/** Options of every optimizer. */
const COMMON = { lr: true, weightDecay: true, maxBytes: true } as const;

type Moments = Readonly<Record<string, Tensor>>;

export interface SGDOptions extends OptimizerOptions {
  /** Default 0. */
  readonly momentum?: number | undefined;
  /** The gradient enters the momentum with the factor 1 - dampening. Default 0. */
  readonly dampening?: number | undefined;
  /** Nesterov momentum; needs a momentum and no dampening. Default false. */
  readonly nesterov?: boolean | undefined;
}

/**
 * Stochastic gradient descent with PyTorch's momentum. Default lr 1e-3.
 * @throws ConfigError on options out of range.
 */
export class SGD extends Optimizer {
  readonly #settings;

  constructor(parameters: ParameterList, options: SGDOptions = {}) {
    checkOptions('SGD', options, {
      ...COMMON,
      momentum: true,
      dampening: true,
      nesterov: true,
    });
    const { lr = 1e-3, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = options;
    checkAtLeast('momentum', momentum, 0);
    checkAtLeast('weightDecay', weightDecay, 0);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ConfigError(
        `nesterov was asked for with momentum ${momentum} and dampening ${dampening}; it needs a momentum and no dampening.`,
      );
    }
    super(parameters, lr, momentum === 0 ? [] : ['momentum_buffer'], options);
    this.#settings = { momentum, dampening, nesterov, weightDecay };
  }

  protected update(run: FlatRun, moments: Moments): void {
    sgdStep(run, moments.momentum_buffer ?? null, this.#settings);
  }
}

export interface RMSpropOptions extends OptimizerOptions {
  /** Decay rate of the mean square, 0 to below 1. Default 0.99. */
  readonly alpha?: number | undefined;
  /** Default 1e-8. */
  readonly eps?: number | undefined;
  /** Default 0. */
  readonly momentum?: number | undefined;
  /** Divide by the standard deviation of the gradient instead of its root mean square. Default false. */
  readonly centered?: boolean | undefined;
}

/**
 * RMSprop (Tieleman and Hinton 2012; centred: Graves 2013). Default lr 1e-2.
 * @throws ConfigError on options out of range.
 */
export class RMSprop extends Optimizer {
  readonly #settings;

  constructor(parameters: ParameterList, options: RMSpropOptions = {}) {
    checkOptions('RMSprop', options, { ...COMMON, alpha: true, eps: true, momentum: true, centered: true });
    const { lr = 1e-2, alpha = 0.99, eps = 1e-8, momentum = 0, centered = false, weightDecay = 0 } = options;
    checkAtLeast('alpha', alpha, 0, 1);
    checkAtLeast('eps', eps, 0);
    checkAtLeast('momentum', momentum, 0);
    checkAtLeast('weightDecay', weightDecay, 0);
    const names = ['square_avg'];
    if (centered) names.push('grad_avg');
    if (momentum > 0) names.push('momentum_buffer');
    super(parameters, lr, names, options);
    this.#settings = { alpha, eps, momentum, weightDecay };
  }

  protected update(run: FlatRun, { square_avg, grad_avg, momentum_buffer }: Moments): void {
    rmspropStep(run, square_avg!, grad_avg ?? null, momentum_buffer ?? null, this.#settings);
  }
}

export interface AdamOptions extends OptimizerOptions {
  /** Decay rates of the mean and the mean square of the gradient, 0 to below 1. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number] | undefined;
  /** Default 1e-8. */
  readonly eps?: number | undefined;
  /**
   * Where eps is added, with the bias corrections c1 and c2:
   * - 'pytorch' (default): to the corrected root, lr / c1 · m / (√v / √c2 + eps);
   * - 'chainer': to the plain root, lr √c2 / c1 · m / (√v + eps).
   */
  readonly epsPlacement?: 'pytorch' | 'chainer' | undefined;
}

/**
 * Adam (Kingma and Ba 2015). Default lr 1e-3. Weight decay is an L2 penalty.
 * @throws ConfigError on options out of range.
 */
export class Adam extends Optimizer {
  readonly #settings;

  constructor(parameters: ParameterList, options: AdamOptions = {}, decoupled = false) {
    checkOptions(decoupled ? 'AdamW' : 'Adam', options, {
      ...COMMON,
      betas: true,
      eps: true,
      epsPlacement: true,
    });
    const {
      lr = 1e-3,
      betas = [0.9, 0.999],
      eps = 1e-8,
      weightDecay = 0,
      epsPlacement = 'pytorch',
    } = options;
    for (const beta of betas) checkAtLeast('A beta of Adam', beta, 0, 1);
    checkAtLeast('eps', eps, 0);
    checkAtLeast('weightDecay', weightDecay, 0);
    super(parameters, lr, ['exp_avg', 'exp_avg_sq'], options);
    this.#settings = { betas, eps, weightDecay, epsPlacement, decoupled } as const;
  }

  protected override get correctedBetas(): readonly [number, number] {
    return this.#settings.betas;
  }

  protected update(run: FlatRun, { exp_avg, exp_avg_sq }: Moments): void {
    adamStep(run, exp_avg!, exp_avg_sq!, this.#settings);
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019): each step first multiplies parameters by
 * 1 - lr · weightDecay. Default weightDecay 0.01.
 */
export class AdamW extends Adam {
  constructor(parameters: ParameterList, options: AdamOptions = {}) {
    super(parameters, { ...options, weightDecay: options.weightDecay ?? 0.01 }, true);
  }
}
