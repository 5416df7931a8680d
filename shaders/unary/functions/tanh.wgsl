// The hyperbolic tangent.

fn derivative(x: f32) -> f32 {
  let t = accurate_tanh(x);
  let e = exp(-2.0 * abs(x));
  let d = 4.0 * e / ((1.0 + e) * (1.0 + e)); // 1 - t² without its cancellation
  return by_order(t, d, -2.0 * t * d, d * (6.0 * t * t - 2.0));
}
