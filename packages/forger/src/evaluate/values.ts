// Values of evaluations by name, and how they are written.

import { type EvaluatedValue, METRICS, type Metric, type Ranked, type ValueSpec } from '@forger/dcgan';
import { quote } from '@forger/dcgan/internal';
import { ConfigError } from '@forger/tensor';

/** A value with the metric that it is of. */
export interface NamedValue {
  readonly name: string;
  readonly metric: Metric;
  readonly spec: ValueSpec;
}

/**
 * The value of a name, or of a metric's name its main one.
 * @throws `Fault` for a name that nothing has.
 */
export function findValue(name: string, Fault: new (message: string) => Error = ConfigError): NamedValue {
  const metrics = Object.values(METRICS);
  const metric =
    metrics.find(({ values }) => Object.hasOwn(values, name)) ?? metrics.find((one) => one.name === name);
  if (!metric) {
    const names = metrics.flatMap(({ values }) => Object.keys(values));
    throw new Fault(`There is no value ${quote(name)}; there are ${names.join(', ')}`);
  }
  const value = Object.hasOwn(metric.values, name) ? name : Object.keys(metric.values)[0]!;
  return { name: value, metric, spec: metric.values[value]! };
}

/** @throws `Fault` for a name that no metric has. */
export function checkMetrics(
  names: readonly string[],
  Fault: new (message: string) => Error = ConfigError,
): void {
  for (const name of names)
    if (!Object.hasOwn(METRICS, name))
      throw new Fault(`There is no metric ${quote(name)}; there are ${Object.keys(METRICS).join(', ')}`);
}

/** What is compared to find the better one of two values. */
export function ranked({ value, better, ideal, floor }: EvaluatedValue): Ranked {
  return { value, better, ideal: ideal === 'floor' ? floor : ideal };
}

const DIGITS = 4;

/** A number with as many digits as are worth showing. */
export function written(value: number, digits = DIGITS): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-4)) return value.toExponential(digits - 1);
  return value.toFixed(Math.max(0, digits - 1 - Math.floor(Math.log10(size || 1))));
}

/** `34.21 ± 0.30`. */
export function withError({ value, standardError, digits }: Shown): string {
  if (standardError === undefined) return written(value, digits);
  return `${written(value, digits)} ± ${written(standardError, 2)}`;
}

interface Shown {
  readonly value: number;
  readonly standardError?: number | undefined;
  readonly digits?: number | undefined;
}
