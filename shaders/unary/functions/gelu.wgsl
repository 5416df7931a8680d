// x Φ(x) with the normal distribution function Φ: the exact GELU.

const SQRT_HALF = 0.7071067811865476;
const INV_SQRT_TWO_PI = 0.3989422804014327;

// 1 - erf(x) for x >= 0 by a Chebyshev fit of its logarithm, right to 1.2e-7 of itself however small it is (Press et al.,
// "Numerical Recipes in C", 2nd ed. 1992, section 6.2).
fn erfc(x: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.5 * x);
  let low = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * 0.27886807))));
  let t5 = t * t * t * t * t;
  let high = t5 * t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)));
  return t * exp(-x * x + (low + high));
}

// The normal distribution function, its lower tail without the cancellation of 1 + erf.
fn normal_cdf(x: f32) -> f32 {
  let tail = 0.5 * erfc(abs(x) * SQRT_HALF);
  return select(tail, 1.0 - tail, x > 0.0);
}

fn derivative(x: f32) -> f32 {
  let cdf = normal_cdf(x);
  let pdf = INV_SQRT_TWO_PI * exp(-0.5 * x * x);
  let c = clamp(x, -16.0, 16.0); // beyond, pdf is 0: no 0 · ∞
  return by_order(x * cdf, cdf + c * pdf, pdf * (2.0 - c * c), pdf * c * (c * c - 4.0));
}
