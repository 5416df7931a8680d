// All metrics, and which of them are computed unless told otherwise.

import { ConfigError } from '@forger/tensor';
import type { FeatureNetwork, Metric } from '../types.ts';
import { classes, classifierScore } from './classes.ts';
import { frechet } from './frechet.ts';
import { kid } from './kid.ts';
import { mind } from './mind.ts';
import { modes } from './modes.ts';
import { msSsim } from './ms-ssim.ts';
import { nearestImages } from './nearest-images.ts';
import { prdc } from './prdc.ts';
import { swd } from './swd.ts';
import { twoSample } from './two-sample.ts';

/** Every metric by its name, in the order in which they are reported. */
export const METRICS: Readonly<Record<string, Metric>> = Object.fromEntries(
  [frechet, kid, mind, prdc, twoSample, classifierScore, classes, msSsim, swd, nearestImages, modes].map(
    (metric) => [metric.name, metric],
  ),
);

/** @throws ConfigError for a name that no metric has. */
export function findMetric(name: string): Metric {
  if (!Object.hasOwn(METRICS, name))
    throw new ConfigError(
      `There is no metric '${name}'; there are ${Object.keys(METRICS).join(', ')}: give one or several of these.`,
    );
  return METRICS[name]!;
}

/** Smaller images than this have no metrics of pixels. */
const LEAST_SIDE = 16;

/** All metrics that can be computed with a network on images of a shape, but the modes of stacked images. */
export function defaultMetrics(
  { classes }: Pick<FeatureNetwork, 'classes'>,
  [, height, width]: readonly [number, number, number],
): string[] {
  return Object.values(METRICS)
    .filter(({ name, needs }) => {
      if (needs.includes('channelClasses')) return false;
      if (needs.includes('probabilities')) return classes !== undefined;
      return !needs.includes('pixels') || name === 'nearest' || Math.min(height, width) >= LEAST_SIDE;
    })
    .map(({ name }) => name);
}
