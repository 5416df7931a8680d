// The natural logarithm.

fn derivative(x: f32) -> f32 {
  return by_order(logarithm(x), 1.0 / x, -1.0 / (x * x), 2.0 / (x * x * x));
}
