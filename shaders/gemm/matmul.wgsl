// Problem: batched matrix product, C[z] = A[z] B[z], operands at any strides (so transposes are never copied).
//
// Element strides: A at z·a_batch + m·a_row + k·a_inner, B at z·b_batch + k·b_inner + n·b_column, C row-major.
// A batch stride of 0 shares one matrix. Columns may have a bias. Constants: HAS_BIAS.
// The inner axis may be cut into `splits` parts: then z = batch·splits + part, and C holds partial sums.

struct Params {
  m: u32, n: u32, k: u32, splits: u32,
  a_batch: u32, a_row: u32, a_inner: u32, pad0: u32,
  b_batch: u32, b_inner: u32, b_column: u32, pad1: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a_values: array<f32>;
@group(0) @binding(2) var<storage, read> b_values: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c_values: array<f32>;

struct Row { m: u32, offset: u32 }
struct Column { n: u32, offset: u32 }
struct Inner { a: u32, b: u32 }

fn gemm_size() -> vec2<u32> { return vec2(params.m, params.n); }

fn inner_range(z: u32) -> vec2<u32> {
  let part = (params.k + params.splits - 1u) / params.splits;
  let begin = min((z % params.splits) * part, params.k);
  return vec2(begin, min(begin + part, params.k));
}

// Rows and columns past the end read the last one; the core does not store them.
fn row_at(z: u32, m: u32) -> Row {
  return Row(m, (z / params.splits) * params.a_batch + min(m, params.m - 1u) * params.a_row);
}
fn column_at(z: u32, n: u32) -> Column {
  return Column(n, (z / params.splits) * params.b_batch + min(n, params.n - 1u) * params.b_column);
}
fn inner_at(z: u32, k: u32) -> Inner { return Inner(k * params.a_inner, k * params.b_inner); }
fn a_index(row: Row, inner: Inner) -> u32 { return row.offset + inner.a; }
fn a_value(row: Row, inner: Inner) -> f32 { return a_values[a_index(row, inner)]; }
fn b_value(inner: Inner, column: Column) -> f32 { return b_values[column.offset + inner.b]; }

fn store(z: u32, row: Row, column: Column, value: f32) {
  var result = value;
  if (HAS_BIAS) { result += bias[column.n]; }
  c_values[(z * params.m + row.m) * params.n + column.n] = result;
}
