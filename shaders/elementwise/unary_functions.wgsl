// Elementwise functions and their first three derivatives, so that gradients of gradients come from one place.
//
// derivative(x) is the ORDER-th derivative of the function that KIND names, at x; params.a and params.b are its
// arguments (negative slope, alpha, exponent, bounds). Linked with elementary.wgsl, logistic.wgsl and is_nan.wgsl.
// Constants: KIND, ORDER 0..3.

const SQRT_HALF = 0.7071067811865476;
const INV_SQRT_TWO_PI = 0.3989422804014327;

// e^x - 1 for x <= 0, keeping the digits near 0: a Taylor polynomial (left off: less than 5e-8 of it) where exp(x) - 1
// would cancel.
fn expm1(x: f32) -> f32 {
  let series = x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x / 720.0)))));
  return select(exp(x) - 1.0, series, x > -0.25);
}

// WGSL's own tanh may be off by 1e-5, and some drivers' overflows.
fn accurate_tanh(x: f32) -> f32 {
  let e = expm1(-2.0 * abs(x));
  return sign(x) * (-e / (2.0 + e));
}

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

// x^p for any real p; whole exponents by repeated squaring, which also serves negative x.
fn power(x: f32, p: f32) -> f32 {
  if (p == round(p) && abs(p) <= 64.0) {
    var result = 1.0;
    var base = x;
    for (var n = u32(abs(p)); n > 0u; n >>= 1u) {
      if ((n & 1u) == 1u) { result *= base; }
      base *= base;
    }
    return select(result, 1.0 / result, p < 0.0);
  }
  return real_power(x, p);
}

// scale · x^p, and 0 where the scale is 0 although x^p may be infinite.
fn scaled_power(scale: f32, x: f32, p: f32) -> f32 {
  return select(scale * power(x, p), 0.0, scale == 0.0);
}

fn by_order(f0: f32, f1: f32, f2: f32, f3: f32) -> f32 {
  switch ORDER {
    case 0u: { return f0; }
    case 1u: { return f1; }
    case 2u: { return f2; }
    default: { return f3; }
  }
}

fn derivative(x: f32) -> f32 {
  let a = params.a;
  let b = params.b;
  switch KIND {
    case 0u: { // neg
      return by_order(-x, -1.0, 0.0, 0.0);
    }
    case 1u: { // relu
      return by_order(select(x, 0.0, x <= 0.0), select(1.0, 0.0, x <= 0.0), 0.0, 0.0);
    }
    case 2u: { // leaky_relu, a = negative slope
      return by_order(select(a * x, x, x > 0.0), select(a, 1.0, x > 0.0), 0.0, 0.0);
    }
    case 3u: { // tanh
      let t = accurate_tanh(x);
      let e = exp(-2.0 * abs(x));
      let d = 4.0 * e / ((1.0 + e) * (1.0 + e)); // 1 - t² without its cancellation
      return by_order(t, d, -2.0 * t * d, d * (6.0 * t * t - 2.0));
    }
    case 4u: { // sigmoid
      let s = sigmoid(x);
      let d = s * sigmoid(-x);
      return by_order(s, d, -d * accurate_tanh(0.5 * x), d * (1.0 - 6.0 * d)); // 1 - 2s = -tanh(x/2)
    }
    case 5u: { // softplus = log(1 + e^x)
      let s = sigmoid(x);
      let d = s * sigmoid(-x);
      return by_order(max(x, 0.0) + log1p(exp(-abs(x))), s, d, -d * accurate_tanh(0.5 * x));
    }
    case 6u: { // exp
      return exponential(x);
    }
    case 7u: { // log
      return by_order(logarithm(x), 1.0 / x, -1.0 / (x * x), 2.0 / (x * x * x));
    }
    case 8u: { // sqrt
      let r = sqrt(x);
      return by_order(r, 0.5 / r, -0.25 / x / r, 0.375 / x / x / r);
    }
    case 9u: { // abs
      return by_order(abs(x), sign(x), 0.0, 0.0);
    }
    case 10u: { // square
      return by_order(x * x, 2.0 * x, 2.0, 0.0);
    }
    case 11u: { // pow, a = exponent
      switch ORDER {
        case 0u: { return power(x, a); }
        case 1u: { return scaled_power(a, x, a - 1.0); }
        case 2u: { return scaled_power(a * (a - 1.0), x, a - 2.0); }
        default: { return scaled_power(a * (a - 1.0) * (a - 2.0), x, a - 3.0); }
      }
    }
    case 12u: { // clamp to [a, b]; the gradient passes at the bounds, as in PyTorch
      let y = select(min(max(x, a), b), x, is_nan(x)); // min and max may drop a NaN
      return by_order(y, select(0.0, 1.0, x >= a && x <= b), 0.0, 0.0);
    }
    case 13u: { // elu, a = alpha
      let e = a * exp(min(x, 0.0));
      let below = x <= 0.0;
      return by_order(select(x, a * expm1(min(x, 0.0)), below), select(1.0, e, below), select(0.0, e, below), select(0.0, e, below));
    }
    case 14u: { // gelu = x Φ(x), the exact one
      let cdf = normal_cdf(x);
      let pdf = INV_SQRT_TWO_PI * exp(-0.5 * x * x);
      let c = clamp(x, -16.0, 16.0); // beyond, pdf is 0: no 0 · ∞
      return by_order(x * cdf, cdf + c * pdf, pdf * (2.0 - c * c), pdf * c * (c * c - 4.0));
    }
    default: { // silu = x σ(x)
      let s = sigmoid(x);
      let d = s * sigmoid(-x);
      let d2 = d * (1.0 - 2.0 * s);
      return by_order(x * s, s + x * d, 2.0 * d + x * d2, 3.0 * d2 + x * d * (1.0 - 6.0 * d));
    }
  }
}
