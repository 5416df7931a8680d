// x σ(x) with the logistic function σ.

fn derivative(x: f32) -> f32 {
  let s = sigmoid(x);
  let d = s * sigmoid(-x);
  let d2 = d * (1.0 - 2.0 * s);
  return by_order(x * s, s + x * d, 2.0 * d + x * d2, 3.0 * d2 + x * d * (1.0 - 6.0 * d));
}
