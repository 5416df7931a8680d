// The logistic function, 1 / (1 + e^-x).

fn derivative(x: f32) -> f32 {
  let s = sigmoid(x);
  let d = s * sigmoid(-x);
  return by_order(s, d, -d * accurate_tanh(0.5 * x), d * (1.0 - 6.0 * d)); // 1 - 2s = -tanh(x/2)
}
