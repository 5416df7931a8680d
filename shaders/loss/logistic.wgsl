// Logarithms and the logistic function without overflow or lost digits.

fn sigmoid(x: f32) -> f32 {
  // exp of a negative number only: no overflow.
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// log(1 + e) for e >= -1, keeping the digits of small e (Goldberg 1991, theorem 4).
fn log1p(e: f32) -> f32 {
  let u = 1.0 + e;
  return select(log(u) * (e / (u - 1.0)), e, u == 1.0);
}
