// Problem: convolution, y[n, k, p, q] = bias[k] + Σ_{c, r, s} w[k, c, r, s] x[n, c, p·stride - pad + r·dilation, …].
//
// As a matrix product without building the im2col matrix (implicit GEMM; Chetlur et al., "cuDNN", 2014):
// rows are output channels k, columns are output positions (n, p, q), the inner axis is (c, r, s), z is the group.
// Constants: HAS_BIAS and those of shape.wgsl.

@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

struct Row { k: u32, offset: u32 } // output channel over all groups; offset of its weights
struct Column { base: i32, h: i32, w: i32, y_base: u32 } // first channel of the group in x; top left of the window
struct Inner { index: u32, channel: i32, r: i32, s: i32 } // r and s times the dilation

fn gemm_size() -> vec2<u32> { return vec2(size_k(), params.batch * size_p() * size_q()); }
fn inner_range(z: u32) -> vec2<u32> { return vec2(0u, size_c() * KERNEL_R * KERNEL_S); }

fn row_at(z: u32, m: u32) -> Row {
  let k = z * size_k() + min(m, size_k() - 1u);
  return Row(k, k * (size_c() * KERNEL_R * KERNEL_S));
}

fn column_at(z: u32, n: u32) -> Column {
  let positions = size_p() * size_q();
  let image = min(n / positions, params.batch - 1u);
  let at = n % positions;
  let p = at / size_q();
  let q = at % size_q();
  return Column(
    i32((image * params.groups + z) * size_c() * size_h() * size_w()),
    i32(p * STRIDE_H) - i32(PAD_H),
    i32(q * STRIDE_W) - i32(PAD_W),
    image * params.groups * size_k() * positions + at,
  );
}

fn inner_at(z: u32, k: u32) -> Inner {
  let tap = k % (KERNEL_R * KERNEL_S);
  let c = k / (KERNEL_R * KERNEL_S);
  return Inner(k, i32(c * size_h() * size_w()), i32(tap / KERNEL_S * DILATION_H), i32(tap % KERNEL_S * DILATION_W));
}

fn a_index(row: Row, inner: Inner) -> u32 { return row.offset + inner.index; }
fn a_value(row: Row, inner: Inner) -> f32 { return weight[a_index(row, inner)]; }

fn b_value(inner: Inner, column: Column) -> f32 {
  let h = column.h + inner.r;
  let w = column.w + inner.s;
  let inside = u32(h) < size_h() && u32(w) < size_w(); // negative values wrap to large ones
  let at = column.base + inner.channel + h * i32(size_w()) + w;
  return select(0.0, x[select(0, at, inside)], inside);
}

fn store(z: u32, row: Row, column: Column, value: f32) {
  var result = value;
  if (HAS_BIAS) { result += bias[row.k]; }
  y[column.y_base + row.k * size_p() * size_q()] = result;
}
