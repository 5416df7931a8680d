// x where x > 0, else a x: leaky ReLU, a = its negative slope.

fn derivative(x: f32) -> f32 {
  let a = params.a;
  return by_order(select(a * x, x, x > 0.0), select(a, 1.0, x > 0.0), 0.0, 0.0);
}
