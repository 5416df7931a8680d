// The 1-nearest-neighbour two-sample test: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests" (2017), as Xu
// et al., "An empirical study on evaluation metrics of generative adversarial networks" (2018) use it on GANs.
//
// Generated and real images are pooled, and each is called what its nearest other image is. Half right is
// ideal. Above a half, the two can be told apart; real images right far less often than generated ones means
// that generated images crowd together (collapse); below a half, generated images sit closer to real ones
// than those do to each other (memorisation).

import { nearest, neighboursWithin } from '../distances.ts';
import type { Matrix, Metric } from '../types.ts';
import { needFeatures } from './needs.ts';

export const twoSample: Metric = {
  name: 'two-sample',
  title: '1-nearest-neighbour accuracy: can generated and real images be told apart (0.5 is ideal)',
  values: {
    twoSample: { title: '1-NN accuracy', better: 'smaller', ideal: 0.5 },
    twoSampleReal: { title: '1-NN accuracy on real images', better: 'smaller', ideal: 0.5 },
    twoSampleGenerated: { title: '1-NN accuracy on generated images', better: 'smaller', ideal: 0.5 },
  },
  needs: ['features'],
  compute: async (generated, real, { device }) => {
    const [fake, true_] = [needFeatures(generated), needFeatures(real)];
    const rightOf = async (own: Matrix, other: Matrix): Promise<number> => {
      const inside = await neighboursWithin(own, 1, device);
      const across = await nearest(own, other, 1, device);
      let right = 0;
      // An image of the other set at the same distance counts as half a mistake.
      for (let i = 0; i < own.rows; i++) {
        const [near, far] = [inside.squares[i * inside.k]!, across.squares[i]!];
        right += near < far ? 1 : near === far ? 0.5 : 0;
      }
      return right;
    };
    const realRight = await rightOf(true_, fake);
    const fakeRight = await rightOf(fake, true_);
    const n = fake.rows + true_.rows;
    const accuracy = (realRight + fakeRight) / n;
    return {
      values: {
        twoSample: { value: accuracy, standardError: Math.sqrt((accuracy * (1 - accuracy)) / n) },
        twoSampleReal: { value: realRight / true_.rows },
        twoSampleGenerated: { value: fakeRight / fake.rows },
      },
    };
  },
};
