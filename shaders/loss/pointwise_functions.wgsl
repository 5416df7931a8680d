// Losses of one prediction x and one target t, and their derivatives, so that gradients of gradients come from one
// place: derivative(order, x, t) = ∂^(i+j) f / ∂x^i ∂t^j for order = 4 i + j, i + j = 0..3, of the f that KIND names.
// Linked with elementwise/elementary.wgsl, logistic.wgsl and is_nan.wgsl.

// PyTorch keeps the logarithms of bce at or above -100: a sure mistake costs 100, not infinity. NaN stays NaN.
fn at_least_minus_100(value: f32) -> f32 { return select(value, -100.0, value < -100.0); }

// f(x, t) = -(t log x + (1 - t) log(1 - x)), x in [0, 1]. The derivatives are PyTorch's: they ignore the clamp of the
// logarithms, and x(1 - x) is held at or above 1e-12 where it divides.
fn bce(order: u32, x: f32, t: f32) -> f32 {
  let product = max(x * (1.0 - x), 1e-12);
  let held = x * (1.0 - x) < 1e-12;
  switch order {
    case 0u: { // f
      return -(t * at_least_minus_100(logarithm(x)) + (1.0 - t) * at_least_minus_100(log1p(-x)));
    }
    case 1u: { // ∂t
      return at_least_minus_100(log1p(-x)) - at_least_minus_100(logarithm(x));
    }
    case 4u: { // ∂x
      return (x - t) / product;
    }
    case 5u: { // ∂x ∂t
      return -1.0 / product;
    }
    case 8u: { // ∂x²: x² - 2xt + t over the product squared, the numerator written so that nothing cancels
      let ratio = (x - t) / product;
      return select(ratio * ratio + t * (1.0 - t) / (product * product), 1.0 / product, held);
    }
    case 9u: { // ∂x² ∂t
      return select((1.0 - 2.0 * x) / (product * product), 0.0, held);
    }
    case 12u: { // ∂x³
      let y = 1.0 - x;
      return select(2.0 * (1.0 - t) / (y * y * y) - 2.0 * t / (x * x * x), 0.0, held);
    }
    default: {
      return 0.0;
    }
  }
}

// bce of sigmoid(x): f(x, t) = softplus(x) - t x.
fn bce_with_logits(order: u32, x: f32, t: f32) -> f32 {
  let s = sigmoid(x);
  let derivative = s * sigmoid(-x);
  switch order {
    case 0u: { return select(-t * x, (1.0 - t) * x, x > 0.0) + log1p(exp(-abs(x))); } // no x - t x of large x
    case 1u: { return -x; }
    case 4u: { return select(s - t, (1.0 - t) - sigmoid(-x), x > 0.0); } // s - t; near s = 1 without cancellation
    case 5u: { return -1.0; }
    case 8u: { return derivative; }
    case 12u: { return derivative * (1.0 - 2.0 * s); }
    default: { return 0.0; }
  }
}

// f(x, t) = (x - t)².
fn mse(order: u32, x: f32, t: f32) -> f32 {
  switch order {
    case 0u: { return (x - t) * (x - t); }
    case 1u: { return -2.0 * (x - t); }
    case 4u: { return 2.0 * (x - t); }
    case 2u, 8u: { return 2.0; }
    case 5u: { return -2.0; }
    default: { return 0.0; }
  }
}

// f(x, t) = |x - t|; its derivative where x = t is 0.
fn l1(order: u32, x: f32, t: f32) -> f32 {
  switch order {
    case 0u: { return abs(x - t); }
    case 1u: { return -sign(x - t); }
    case 4u: { return sign(x - t); }
    default: { return 0.0; }
  }
}

fn derivative(order: u32, x: f32, t: f32) -> f32 {
  switch KIND {
    case 0u: { return bce(order, x, t); }
    case 1u: { return bce_with_logits(order, x, t); }
    case 2u: { return mse(order, x, t); }
    default: { return l1(order, x, t); }
  }
}
