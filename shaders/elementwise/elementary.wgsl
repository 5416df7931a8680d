// exp, log and x^p with the same values on every driver in the places where WGSL leaves them open: NaN, infinities, 0,
// negative and subnormal numbers. Linked with is_nan.wgsl.

const LN_2 = 0.6931471805599453;

// Made from x's bits, so that no compiler takes it for a constant, which WGSL refuses.
fn infinity_like(x: f32) -> f32 { return bitcast<f32>(0x7f800000u | (bitcast<u32>(x) & 0u)); }
fn nan_like(x: f32) -> f32 { return bitcast<f32>(0x7fc00000u | (bitcast<u32>(x) & 0u)); }

fn exponential(x: f32) -> f32 { return select(exp(x), x, is_nan(x)); }

// log x to about a unit of rounding, from the bits: x = 2^k m with m in [√½, √2), log x = k log 2 + 2 artanh(s),
// s = (m - 1) / (m + 1), |s| <= 0.172, by artanh's series, of which less than 2e-9 is left off.
fn logarithm(x: f32) -> f32 {
  let given = bitcast<u32>(x);
  // A subnormal number is a whole number of 2^-149: taken so, no driver can flush it to 0.
  let subnormal = given < 0x00800000u;
  let bits = select(given, bitcast<u32>(f32(given)), subnormal);
  let exponent = i32(bits - 0x3f3504f3u) >> 23u; // 0x3f3504f3: √½
  let m = bitcast<f32>(bits - (u32(exponent) << 23u));
  let s = (m - 1.0) / (m + 1.0);
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q / 9.0)));
  let k = f32(exponent - select(0, 149, subnormal));
  let finite = k * LN_2 + 2.0 * s * series;
  if ((given & 0x7fffffffu) == 0u) { return -infinity_like(x); }
  if (given >= 0x80000000u) { return nan_like(x); }
  return select(finite, x, given >= 0x7f800000u);
}

// x^p for p that is no whole number.
fn real_power(x: f32, p: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x == 0.0 || abs(x) > 3.4028234e38) { return select(infinity_like(x), 0.0, (x == 0.0) == (p > 0.0)); }
  return select(pow(x, p), nan_like(x), x < 0.0);
}
