// A straight line through measurements of memory that follow one another, and how sure its slope is.

export interface Slope {
  /** Change of y for one of x. */
  readonly slope: number;
  readonly standardError: number;
}

/**
 * Least squares, with the standard error of a sum: what memory takes it keeps, so an error of one measurement is in all
 * that follow, and errors about the line are no measure of it. The slope is a weighted sum of the increments,
 * Σ c_k Δy_k with c_k = Σ_(i ≥ k) (x_i - mean) / Σ (x_i - mean)², and their scatter gives its error;
 * neighbours may depend on each other up to a lag of 4 (n/100)^(2/9) (Newey and West, "A Simple, Positive
 * Semi-definite, Heteroskedasticity and Autocorrelation Consistent Covariance Matrix", Econometrica 1987).
 * One jump is thus no growth; several are.
 * @throws Error for fewer than three points.
 */
export function fitSlope(x: readonly number[], y: readonly number[]): Slope {
  const n = x.length;
  if (n < 3) throw new Error(`A slope needs three points at least; there are ${n}.`);
  const middle = x.reduce((sum, value) => sum + value, 0) / n;
  const spread = x.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const weights: number[] = [];
  let behind = 0;
  for (let k = n - 1; k > 0; k--) {
    behind += x[k]! - middle;
    weights[k] = behind / spread;
  }
  let slope = 0;
  for (let k = 1; k < n; k++) slope += weights[k]! * (y[k]! - y[k - 1]!);
  const scores: number[] = [];
  for (let k = 1; k < n; k++) scores.push(weights[k]! * (y[k]! - y[k - 1]! - slope * (x[k]! - x[k - 1]!)));
  const lags = Math.floor(4 * (n / 100) ** (2 / 9));
  let variance = 0;
  for (let lag = 0; lag <= lags; lag++) {
    const weight = (lag === 0 ? 1 : 2) * (1 - lag / (lags + 1));
    for (let i = lag; i < scores.length; i++) variance += weight * scores[i]! * scores[i - lag]!;
  }
  return { slope, standardError: Math.sqrt(Math.max(0, variance)) };
}
