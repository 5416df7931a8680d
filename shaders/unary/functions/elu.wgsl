// x where x > 0, else a (e^x - 1).

fn derivative(x: f32) -> f32 {
  let a = params.a;
  let e = a * exp(min(x, 0.0));
  let below = x <= 0.0;
  return by_order(select(x, a * expm1(min(x, 0.0)), below), select(1.0, e, below), select(0.0, e, below), select(0.0, e, below));
}
