// Precision and recall: Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models"
// (2019). Density and coverage: Naeem et al., "Reliable fidelity and diversity metrics for generative models" (2020),
// whose formulas and k = 5 these are (github.com/clovaai/generative-evaluation-prdc).
//
// With NND_k(x), the distance of x from its k-th nearest neighbour within its own set, x itself not counted:
//   precision  share of generated images inside the ball NND_k(r) of any real image r
//   recall     share of real images inside the ball NND_k(g) of any generated image g
//   density    mean over generated images of the number of real images' balls around them, over k
//   coverage   share of real images with a generated image inside their ball

import { ConfigError } from '@forger/tensor';
import { forEachRow, neighboursWithin, squaredDistance } from '../distances.ts';
import type { Metric } from '../types.ts';
import { needFeatures } from './needs.ts';

const K = 5;

export const prdc: Metric = {
  name: 'prdc',
  title: 'precision, recall, density and coverage: is each image plausible, and is each kind of image there',
  values: {
    precision: { title: 'precision', better: 'larger' },
    recall: { title: 'recall', better: 'larger' },
    density: { title: 'density', better: 'larger', ideal: 1 },
    coverage: { title: 'coverage', better: 'larger' },
  },
  needs: ['features'],
  compute: async (generated, real, { device }) => {
    const [fake, true_] = [needFeatures(generated), needFeatures(real)];
    if (Math.min(fake.rows, true_.rows) <= K)
      throw new ConfigError(
        `Precision and recall look at the ${K} nearest neighbours; ${Math.min(fake.rows, true_.rows)} images were given: give at least ${K + 1}.`,
      );
    const radiiOf = async (matrix: typeof fake): Promise<Float64Array> => {
      const { k, squares } = await neighboursWithin(matrix, K, device);
      return Float64Array.from({ length: matrix.rows }, (_, i) => squares[i * k + K - 1]!);
    };
    const realRadii = await radiiOf(true_);
    const fakeRadii = await radiiOf(fake);
    const recalled = new Uint8Array(true_.rows);
    const covered = new Uint8Array(true_.rows);
    let [precise, balls] = [0, 0];
    await forEachRow(fake, true_, device, ({ index, approximate, bounds }) => {
      const own = fakeRadii[index]!;
      let inside = 0;
      for (let j = 0; j < true_.rows; j++) {
        const radius = realRadii[j]!;
        let square = approximate[j]!;
        const bound = bounds[j]!;
        if (Math.abs(square - radius) <= bound || Math.abs(square - own) <= bound)
          square = squaredDistance(fake, index, true_, j);
        if (square < radius) {
          inside++;
          covered[j] = 1;
        }
        if (square < own) recalled[j] = 1;
      }
      balls += inside;
      if (inside > 0) precise++;
    });
    const share = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
    return {
      values: {
        precision: { value: precise / fake.rows },
        recall: { value: share(recalled) },
        density: { value: balls / (K * fake.rows) },
        coverage: { value: share(covered) },
      },
    };
  },
};
