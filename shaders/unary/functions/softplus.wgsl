// log(1 + e^x).

fn derivative(x: f32) -> f32 {
  let s = sigmoid(x);
  let d = s * sigmoid(-x);
  return by_order(max(x, 0.0) + log1p(exp(-abs(x))), s, d, -d * accurate_tanh(0.5 * x));
}
