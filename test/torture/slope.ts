// A straight line through measurements that follow one another, and how sure its slope is.

export interface Slope {
  /** Change of y for one of x. */
  readonly slope: number;
  readonly standardError: number;
}

/**
 * Least squares. Measurements of memory resemble their neighbours, so the plain standard error would be too small; this is
 * Newey and West's, which allows for that up to a lag of 4 (n/100)^(2/9) ("A Simple, Positive Semi-definite,
 * Heteroskedasticity and Autocorrelation Consistent Covariance Matrix", Econometrica 1987).
 * @throws Error for fewer than three points.
 */
export function fitSlope(x: readonly number[], y: readonly number[]): Slope {
  const n = x.length;
  if (n < 3) throw new Error(`A slope needs three points at least; there are ${n}.`);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / n;
  const middle = mean(x);
  const level = mean(y);
  const dx = x.map((value) => value - middle);
  const spread = dx.reduce((sum, d) => sum + d * d, 0);
  const slope = dx.reduce((sum, d, i) => sum + d * (y[i]! - level), 0) / spread;
  const scores = dx.map((d, i) => d * (y[i]! - level - slope * d));
  const lags = Math.floor(4 * (n / 100) ** (2 / 9));
  let variance = 0;
  for (let lag = 0; lag <= lags; lag++) {
    const weight = (lag === 0 ? 1 : 2) * (1 - lag / (lags + 1));
    for (let i = lag; i < n; i++) variance += weight * scores[i]! * scores[i - lag]!;
  }
  return { slope, standardError: Math.sqrt((Math.max(0, variance) * n) / (n - 2)) / spread };
}
