// Problem: the gradient of a convolution in its input, which is also the transposed convolution:
// gx[n, c, h, w] = Σ_{k, r, s : p·stride - pad + r·dilation = h} w[k, c, r, s] gy[n, k, p, q].
//
// Split by phase: inputs with equal h mod stride see the same taps r, so each of the stride_h × stride_w phases is a
// dense stride-1 convolution of gy with every stride-th tap, and nothing is multiplied by inserted zeros (as in
// XNNPACK's subconv2d and CUTLASS' strided dgrad). Rows are input channels c, columns are positions (n, h', w') of one
// phase, the inner axis is (k, r', s'), z is group·phases + phase. Within a phase r = first + r'·step with
// step = stride / gcd(stride, dilation).
// Constants: HAS_BIAS, STEP_R, STEP_S, TAPS_R, TAPS_S (⌈R / STEP_R⌉ …) and those of shape.wgsl.

@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> gy: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> gx: array<f32>;

struct Row { c: u32, offset: u32 } // input channel over all groups; offset of w[first k of the group, c]
struct Column { base: i32, p: i32, q: i32, h: u32, w: u32, x_base: u32 } // gy of the group; output position of tap 0
struct Inner { weight: u32, tap_inside: bool, channel: i32, p: i32, q: i32 }

fn gemm_size() -> vec2<u32> {
  return vec2(size_c(), params.batch * ((size_h() + STRIDE_H - 1u) / STRIDE_H) * ((size_w() + STRIDE_W - 1u) / STRIDE_W));
}
fn inner_range(z: u32) -> vec2<u32> { return vec2(0u, size_k() * TAPS_R * TAPS_S); }

fn group_of(z: u32) -> u32 { return z / (STRIDE_H * STRIDE_W); }
fn phase_h(z: u32) -> u32 { return (z / STRIDE_W) % STRIDE_H; }
fn phase_w(z: u32) -> u32 { return z % STRIDE_W; }

// The first tap of a phase: the least r with (phase + pad - r·dilation) divisible by the stride; a number past every
// tap when the phase sees none.
fn first_tap(phase: u32, pad: u32, dilation: u32, stride: u32, step: u32) -> u32 {
  for (var r = 0u; r < step; r++) {
    if ((i32(phase + pad) - i32(r * dilation)) % i32(stride) == 0) { return r; }
  }
  return 65536u;
}

fn row_at(z: u32, m: u32) -> Row {
  let c = min(m, size_c() - 1u);
  let group = group_of(z);
  return Row(group * size_c() + c, (group * size_k() * size_c() + c) * (KERNEL_R * KERNEL_S));
}

fn column_at(z: u32, n: u32) -> Column {
  let rows = (size_h() + STRIDE_H - 1u) / STRIDE_H;
  let columns = (size_w() + STRIDE_W - 1u) / STRIDE_W;
  let image = min(n / (rows * columns), params.batch - 1u);
  let at = n % (rows * columns);
  let h = (at / columns) * STRIDE_H + phase_h(z);
  let w = (at % columns) * STRIDE_W + phase_w(z);
  let group = group_of(z);
  let first_r = first_tap(phase_h(z), PAD_H, DILATION_H, STRIDE_H, STEP_R);
  let first_s = first_tap(phase_w(z), PAD_W, DILATION_W, STRIDE_W, STEP_S);
  return Column(
    i32((image * params.groups + group) * size_k() * size_p() * size_q()),
    (i32(h + PAD_H) - i32(first_r * DILATION_H)) / i32(STRIDE_H),
    (i32(w + PAD_W) - i32(first_s * DILATION_W)) / i32(STRIDE_W),
    h,
    w,
    (image * params.groups * size_c() * size_h() + h) * size_w() + w,
  );
}

fn inner_at(z: u32, k: u32) -> Inner {
  let tap = k % (TAPS_R * TAPS_S);
  let channel = k / (TAPS_R * TAPS_S);
  let tap_r = tap / TAPS_S;
  let tap_s = tap % TAPS_S;
  let r = first_tap(phase_h(z), PAD_H, DILATION_H, STRIDE_H, STEP_R) + tap_r * STEP_R;
  let s = first_tap(phase_w(z), PAD_W, DILATION_W, STRIDE_W, STEP_S) + tap_s * STEP_S;
  let inside = r < KERNEL_R && s < KERNEL_S;
  return Inner(
    (channel * size_c() * KERNEL_R + select(0u, r, inside)) * KERNEL_S + select(0u, s, inside),
    inside,
    i32(channel * size_p() * size_q()),
    i32(tap_r * (STEP_R * DILATION_H / STRIDE_H)),
    i32(tap_s * (STEP_S * DILATION_W / STRIDE_W)),
  );
}

fn a_value(row: Row, inner: Inner) -> f32 {
  return select(0.0, weight[row.offset + inner.weight], inner.tap_inside);
}

fn b_value(inner: Inner, column: Column) -> f32 {
  let p = column.p - inner.p;
  let q = column.q - inner.q;
  let inside = inner.tap_inside && u32(p) < size_p() && u32(q) < size_q();
  let at = column.base + inner.channel + p * i32(size_q()) + q;
  return select(0.0, gy[select(0, at, inside)], inside);
}

fn store(z: u32, row: Row, column: Column, value: f32) {
  if (column.h >= size_h() || column.w >= size_w()) { return; }
  var result = value;
  if (HAS_BIAS) { result += bias[row.c]; }
  gx[column.x_base + row.c * size_h() * size_w()] = result;
}
