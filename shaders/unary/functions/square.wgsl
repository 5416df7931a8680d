// x².

fn derivative(x: f32) -> f32 {
  return by_order(x * x, 2.0 * x, 2.0, 0.0);
}
