// x^a.

// x^p for any real p; whole exponents by repeated squaring, which also serves negative x.
fn power(x: f32, p: f32) -> f32 {
  if (p == round(p) && abs(p) <= 64.0) {
    var result = 1.0;
    var base = x;
    for (var n = u32(abs(p)); n > 0u; n >>= 1u) {
      if ((n & 1u) == 1u) { result *= base; }
      base *= base;
    }
    return select(result, 1.0 / result, p < 0.0);
  }
  return real_power(x, p);
}

// scale · x^p, and 0 where the scale is 0 although x^p may be infinite.
fn scaled_power(scale: f32, x: f32, p: f32) -> f32 {
  return select(scale * power(x, p), 0.0, scale == 0.0);
}

fn derivative(x: f32) -> f32 {
  let a = params.a;
  switch ORDER {
    case 0u: { return power(x, a); }
    case 1u: { return scaled_power(a, x, a - 1.0); }
    case 2u: { return scaled_power(a * (a - 1.0), x, a - 2.0); }
    default: { return scaled_power(a * (a - 1.0) * (a - 2.0), x, a - 3.0); }
  }
}
