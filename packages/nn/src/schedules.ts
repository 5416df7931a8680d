// Learning rates as functions of the step, PyTorch's schedulers in closed form: `optimizer.lr = schedule(step)`.
// Being functions, they have no state to save: a resumed run asks for the same step and gets the same rate.
import { ConfigError } from '@forger/tensor';

/** The learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number;

function checkPeriod(name: string, what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new ConfigError(`${name}: ${what} ${value} was given; expected a whole number of at least 1.`);
}

/** lr · gamma^⌊step / stepSize⌋. */
export function stepLR(lr: number, stepSize: number, gamma = 0.1): Schedule {
  checkPeriod('stepLR', 'stepSize', stepSize);
  return (step) => lr * gamma ** Math.floor(step / stepSize);
}

/** lr times a factor that goes from startFactor to endFactor within totalIters steps, and stays there. */
export function linearLR(lr: number, startFactor = 1 / 3, endFactor = 1, totalIters = 5): Schedule {
  checkPeriod('linearLR', 'totalIters', totalIters);
  return (step) =>
    lr * (startFactor + (endFactor - startFactor) * Math.min(1, Math.max(0, step / totalIters)));
}

/**
 * Half a cosine from lr down to etaMin over tMax steps, then, as in PyTorch, up again: train for at most tMax steps.
 * Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017), equation 5.
 */
export function cosineLR(lr: number, tMax: number, etaMin = 0): Schedule {
  checkPeriod('cosineLR', 'tMax', tMax);
  return (step) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * step) / tMax))) / 2;
}
