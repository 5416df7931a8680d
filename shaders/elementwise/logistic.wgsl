// The logistic function and log(1 + e) without overflow or lost digits. Linked with elementary.wgsl and is_nan.wgsl.

fn sigmoid(x: f32) -> f32 {
  // exp of a negative number only: no overflow.
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// log(1 + e) for -1 <= e <= 1, keeping the digits of small e: 2 artanh(s) with s = e / (2 + e), by its series, of which
// less than 2e-8 is left off where |s| <= 1/3; below that 1 + e is exact. The well-known log(u) e / (u - 1), u = 1 + e, is
// of no use here: drivers may simplify u - 1 to e (Mesa does).
fn log1p(e: f32) -> f32 {
  let s = e / (2.0 + e);
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
  return select(logarithm(1.0 + e), 2.0 * s * series, e > -0.5);
}
