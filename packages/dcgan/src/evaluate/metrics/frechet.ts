// The Fréchet distance between normal distributions of the two sets' features: |μ₁ - μ₂|² + Tr(C₁ + C₂ - 2 (C₁C₂)^½).
// Heusel et al., "GANs trained by a two time-scale update rule" (2017), where the features are Inception's: FID.
//
// Tr (C₁C₂)^½ is the sum of the roots of the eigenvalues of C₁^½ C₂ C₁^½, a symmetric matrix whose eigenvalues are at
// least 0, whatever the ranks: there is no root of a matrix that could fail or turn complex.

import { type Eigen, symmetricEigen } from '../eigen.ts';
import { type Moments, momentsOf } from '../moments.ts';
import type { Metric } from '../types.ts';
import { needFeatures } from './needs.ts';

export const frechet: Metric = {
  name: 'frechet',
  title: 'Fréchet distance of features: how far means and covariances are apart',
  values: { frechet: { title: 'Fréchet distance', better: 'smaller' } },
  needs: ['features'],
  compute: (generated, real, { network }) => {
    const [x, y] = [needFeatures(generated), needFeatures(real)];
    const few = Math.min(x.rows, y.rows) <= network.size;
    return {
      values: { frechet: { value: frechetDistance(momentsOf(y), momentsOf(x)) } },
      ...(few && {
        notes: [
          `The Fréchet distance is of ${Math.min(x.rows, y.rows)} images in ${network.size} features: with no more images than features the covariances are of less than full rank and the distance is far too large. Compare it with the floor only, or use more images.`,
        ],
      }),
    };
  },
};

/**
 * The distance of two sets' moments.
 * @param a its eigenvectors are kept for the next call, so give the set that stays the same here.
 */
export function frechetDistance(a: Moments, b: Moments): number {
  const n = a.mean.length;
  let distance = 0;
  for (let i = 0; i < n; i++) {
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[i]![i]! + b.covariance[i]![i]!;
  }
  const { values } = symmetricEigen(between(eigenOf(a), b.covariance), false);
  // Rounding alone can make an eigenvalue negative.
  for (const value of values) distance -= 2 * Math.sqrt(Math.max(0, value));
  return Math.max(0, distance);
}

const known = new WeakMap<Moments, Eigen>();

function eigenOf(moments: Moments): Eigen {
  let eigen = known.get(moments);
  if (!eigen) {
    eigen = symmetricEigen(moments.covariance);
    known.set(moments, eigen);
  }
  return eigen;
}

/**
 * The lower triangle of D^½ V C Vᵀ D^½, where the rows of V are the eigenvectors of the other covariance and D its
 * eigenvalues: C₁^½ C₂ C₁^½ in another basis, so of the same eigenvalues.
 */
function between({ values, vectors }: Eigen, c: readonly Float64Array[]): Float64Array[] {
  const n = values.length;
  const full = c.map((row, i) => Float64Array.from(row, (value, j) => (j <= i ? value : c[j]![i]!)));
  const roots = values.map((value) => Math.sqrt(Math.max(0, value)));
  return vectors!.map((v, i) => {
    const product = new Float64Array(n);
    if (roots[i] === 0) return product;
    const along = new Float64Array(n);
    for (let k = 0; k < n; k++) {
      const row = full[k]!;
      const vk = v[k]!;
      for (let j = 0; j < n; j++) along[j]! += vk * row[j]!;
    }
    for (let j = 0; j <= i; j++) {
      const other = vectors![j]!;
      let sum = 0;
      for (let k = 0; k < n; k++) sum += along[k]! * other[k]!;
      product[j] = sum * roots[i]! * roots[j]!;
    }
    return product;
  });
}
