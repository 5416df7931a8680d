// What a classifier makes of the images: its score, how sure it is, and whether the classes are as frequent
// as among real images.
//
// The score is exp(E KL(p(y|x) | p(y))): Salimans et al., "Improved techniques for training GANs" (2016), whose classifier
// is Inception's; from 1 to the number of classes. It does not see what real images look like: read it beside
// the floor.

import { meanAndVariance } from '../draws.ts';
import type { Matrix, Metric } from '../types.ts';
import { needProbabilities } from './needs.ts';

/** A classifier that is at least this sure of an image's class names it with confidence. */
const CONFIDENT = 0.9;

export const classifierScore: Metric = {
  name: 'classifier-score',
  title: 'classifier score: exp of the mean divergence of p(class | image) from p(class)',
  values: {
    classifierScore: { title: 'classifier score', better: 'larger', ideal: 'floor' },
    confident: { title: `named with confidence of ${CONFIDENT} or more`, better: 'larger' },
  },
  needs: ['probabilities'],
  compute: (generated) => {
    const { rows, columns, values } = needProbabilities(generated);
    const marginal = new Float64Array(columns);
    for (let at = 0; at < values.length; at++) marginal[at % columns]! += values[at]! / rows;
    const divergences = new Float64Array(rows);
    let confident = 0;
    for (let i = 0; i < rows; i++) {
      let sure = false;
      for (let j = 0; j < columns; j++) {
        const p = values[i * columns + j]!;
        if (p > 0) divergences[i]! += p * Math.log(p / marginal[j]!);
        sure ||= p >= CONFIDENT;
      }
      if (sure) confident++;
    }
    const { mean, variance } = meanAndVariance(divergences);
    const score = Math.exp(mean);
    const share = confident / rows;
    return {
      values: {
        // By the delta method, p(y) taken as known.
        classifierScore: { value: score, standardError: score * Math.sqrt(variance / rows) },
        confident: { value: share, standardError: Math.sqrt((share * (1 - share)) / rows) },
      },
    };
  },
};

export const classes: Metric = {
  name: 'classes',
  title: "class histogram: are the classes as frequent as among real images, by the classifier's judgement",
  values: {
    classKl: { title: 'KL of class histogram', better: 'smaller' },
    rarestClass: { title: 'share of the rarest class', better: 'larger', ideal: 'floor' },
  },
  needs: ['probabilities'],
  compute: (generated, real, { network }) => {
    const [g, r] = [generated, real].map((sample) => histogram(needProbabilities(sample))) as [
      number[],
      number[],
    ];
    const { divergence, smoothed } = klOfCounts(g, r);
    const total = g.reduce((a, b) => a + b, 0);
    return {
      values: { classKl: { value: divergence }, rarestClass: { value: Math.min(...g) / total } },
      details: { classes: network.classes, generated: g, real: r },
      ...(smoothed && {
        notes: [
          'Some class has generated images and no real ones: for the KL of the class histogram half an image was added to each class of the real ones.',
        ],
      }),
    };
  },
};

/** How many images each class is the most probable of. */
export function histogram(probabilities: Matrix): number[] {
  const counts = new Array<number>(probabilities.columns).fill(0);
  for (const index of mostProbable(probabilities)) counts[index]!++;
  return counts;
}

/** The most probable class of each row; of equal ones the first. */
export function mostProbable({ rows, columns, values }: Matrix): Uint8Array {
  return Uint8Array.from({ length: rows }, (_, i) => {
    let best = 0;
    for (let j = 1; j < columns; j++) if (values[i * columns + j]! > values[i * columns + best]!) best = j;
    return best;
  });
}

/**
 * Σ p log (p / q) of the distributions that two lists of counts have, in nats. Where q lacks a class of p it would be
 * infinite: then half an image is added to every count of q.
 */
function klOfCounts(p: readonly number[], q: readonly number[]): { divergence: number; smoothed: boolean } {
  const smoothed = p.some((count, i) => count > 0 && q[i] === 0);
  const other = smoothed ? q.map((count) => count + 0.5) : q;
  const [totalP, totalQ] = [p, other].map((counts) => counts.reduce((a, b) => a + b, 0)) as [number, number];
  const divergence = p.reduce(
    (sum, count, i) =>
      count > 0 ? sum + (count / totalP) * Math.log(count / totalP / (other[i]! / totalQ)) : sum,
    0,
  );
  return { divergence, smoothed };
}
