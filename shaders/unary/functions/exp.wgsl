// e^x.

fn derivative(x: f32) -> f32 {
  return exponential(x);
}
