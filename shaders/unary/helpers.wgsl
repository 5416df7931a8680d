// What the functions of unary/functions share. Linked with one of them, elementary.wgsl, logistic.wgsl and is_nan.wgsl.
// Constants: ORDER 0..3.
//
// Each function is a file that declares derivative(x): its ORDER-th derivative at x, so that gradients of gradients come from
// one place. params.a and params.b are its arguments.

// e^x - 1 for x <= 0, keeping the digits near 0: a Taylor polynomial (left off: less than 5e-8 of it) where exp(x) - 1
// would cancel.
fn expm1(x: f32) -> f32 {
  let series = x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x / 720.0)))));
  return select(exp(x) - 1.0, series, x > -0.25);
}

// WGSL's own tanh may be off by 1e-5, and some drivers' overflows.
fn accurate_tanh(x: f32) -> f32 {
  let e = expm1(-2.0 * abs(x));
  return sign(x) * (-e / (2.0 + e));
}

fn by_order(f0: f32, f1: f32, f2: f32, f3: f32) -> f32 {
  switch ORDER {
    case 0u: { return f0; }
    case 1u: { return f1; }
    case 2u: { return f2; }
    default: { return f3; }
  }
}
