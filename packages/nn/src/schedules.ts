// Learning-rate schedules: PyTorch's schedulers as functions of the step, for `optimizer.lr =
// schedule(step)`. They have no state, so a resumed run computes the same rates.
import { ConfigError } from '@forger/tensor';

/** The learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number;

function checkPeriod(name: string, what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1)
    throw new ConfigError(`${name}: ${what} ${value} was given; expected a whole number of at least 1.`);
}

/** lr · gamma^⌊step / stepSize⌋. @throws ConfigError unless stepSize is a whole number of at least 1. */
export function stepLR(lr: number, stepSize: number, gamma = 0.1): Schedule {
  checkPeriod('stepLR', 'stepSize', stepSize);
  return (step) => lr * gamma ** Math.floor(step / stepSize);
}

/**
 * lr times a factor that changes linearly from startFactor to endFactor over totalIters steps and then stays.
 * @throws ConfigError unless totalIters is a whole number of at least 1.
 */
export function linearLR(lr: number, startFactor = 1 / 3, endFactor = 1, totalIters = 5): Schedule {
  checkPeriod('linearLR', 'totalIters', totalIters);
  return (step) =>
    lr * (startFactor + (endFactor - startFactor) * Math.min(1, Math.max(0, step / totalIters)));
}

/**
 * Half a cosine from lr down to etaMin over tMax steps: Loshchilov and Hutter, "SGDR: stochastic gradient
 * descent with warm restarts" (2017), equation 5. After tMax steps the rate rises again, as in PyTorch.
 * @throws ConfigError unless tMax is a whole number of at least 1.
 */
export function cosineLR(lr: number, tMax: number, etaMin = 0): Schedule {
  checkPeriod('cosineLR', 'tMax', tMax);
  return (step) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * step) / tMax))) / 2;
}
