// Problem: the gradient of a convolution in its weight,
// gw[k, c, r, s] = Σ_{n, p, q} gy[n, k, p, q] x[n, c, p·stride - pad + r·dilation, …].
//
// Rows are output channels k, columns are weights (c, r, s), the long inner axis is (n, p, q), cut into `splits` parts
// that run side by side; z = group·splits + part. The partial results [splits, K, C/G, R, S] are summed in fixed order
// by the reduction kernel. Constants: those of shape.wgsl.

@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> gw: array<f32>;

struct Row { k: u32, offset: u32 } // output channel over all groups; its offset in gy
struct Column { index: u32, channel: i32, r: i32, s: i32 }
struct Inner { gy: u32, x_base: i32, h: i32, w: i32 }

fn gemm_size() -> vec2<u32> { return vec2(size_k(), size_c() * KERNEL_R * KERNEL_S); }

fn inner_range(z: u32) -> vec2<u32> {
  let length = params.batch * size_p() * size_q();
  let part = (length + params.splits - 1u) / params.splits;
  let begin = min((z % params.splits) * part, length);
  return vec2(begin, min(begin + part, length));
}

fn row_at(z: u32, m: u32) -> Row {
  let k = (z / params.splits) * size_k() + min(m, size_k() - 1u);
  return Row(k, k * size_p() * size_q());
}

fn column_at(z: u32, n: u32) -> Column {
  let index = min(n, size_c() * KERNEL_R * KERNEL_S - 1u);
  let tap = index % (KERNEL_R * KERNEL_S);
  let c = (z / params.splits) * size_c() + index / (KERNEL_R * KERNEL_S);
  return Column(index, i32(c * size_h() * size_w()), i32(tap / KERNEL_S * DILATION_H), i32(tap % KERNEL_S * DILATION_W));
}

fn inner_at(z: u32, k: u32) -> Inner {
  let positions = size_p() * size_q();
  let image = k / positions;
  let at = k % positions;
  return Inner(
    image * params.groups * size_k() * positions + at,
    i32(image * params.groups * size_c() * size_h() * size_w()),
    i32(at / size_q() * STRIDE_H) - i32(PAD_H),
    i32(at % size_q() * STRIDE_W) - i32(PAD_W),
  );
}

fn a_index(row: Row, inner: Inner) -> u32 { return row.offset + inner.gy; }
fn a_value(row: Row, inner: Inner) -> f32 { return gy[a_index(row, inner)]; }

fn b_value(inner: Inner, column: Column) -> f32 {
  let h = inner.h + column.r;
  let w = inner.w + column.s;
  let inside = u32(h) < size_h() && u32(w) < size_w();
  let at = inner.x_base + column.channel + h * i32(size_w()) + w;
  return select(0.0, x[select(0, at, inside)], inside);
}

fn store(z: u32, row: Row, column: Column, value: f32) {
  let per_row = size_c() * KERNEL_R * KERNEL_S;
  let all = params.groups * size_k() * per_row;
  gw[(z % params.splits) * all + row.k * per_row + column.index] = value;
}
