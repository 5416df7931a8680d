// The square root.

fn derivative(x: f32) -> f32 {
  let r = sqrt(x);
  return by_order(r, 0.5 / r, -0.25 / x / r, 0.375 / x / x / r);
}
