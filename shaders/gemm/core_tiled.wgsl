// Matrix product, version 2, for GPUs: tiles of A and B in workgroup memory, 4×4 outputs in each invocation's registers
// (the method of S. Boehm, "How to Optimize a CUDA Matmul Kernel", 2022, kernels 3 to 5). Each value loaded from
// memory serves 64 multiply-adds instead of 1.
//
// Work: a workgroup of 16×16 invocations computes a 64×64 tile of C; per step it loads 64×16 of A and 16×64 of B.
// Outputs of an invocation lie 16 apart, so that neighbours store and read neighbouring addresses.
// Grid: x tiles over N, y tiles over M, z the batch. No constants.

const TILE = 64u;
const DEPTH = 16u;
const SIDE = 16u; // invocations along each side; 4 outputs each

var<workgroup> tile_a: array<f32, 1024>; // [k][m]
var<workgroup> tile_b: array<f32, 1024>; // [k][n]

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let z = group.z;
  let range = inner_range(z);
  let first_m = group.y * TILE;
  let first_n = group.x * TILE;

  // This invocation loads A at rows a_m + 16 i, inner a_k, and B at column b_n, inner b_k + 4 i.
  let a_k = local % DEPTH;
  let a_m = local / DEPTH;
  let b_n = local % TILE;
  let b_k = local / TILE;
  var load_rows: array<Row, 4>;
  for (var i = 0u; i < 4u; i++) { load_rows[i] = row_at(z, first_m + a_m + SIDE * i); }
  let load_column = column_at(z, first_n + b_n);

  let my_m = local / SIDE;
  let my_n = local % SIDE;
  var acc: array<vec4<f32>, 4>;
  for (var k0 = range.x; k0 < range.y; k0 += DEPTH) {
    let inner_a = inner_at(z, min(k0 + a_k, range.y - 1u));
    for (var i = 0u; i < 4u; i++) {
      tile_a[a_k * TILE + a_m + SIDE * i] = select(0.0, a_value(load_rows[i], inner_a), k0 + a_k < range.y);
    }
    for (var i = 0u; i < 4u; i++) {
      let k = k0 + b_k + 4u * i;
      let value = b_value(inner_at(z, min(k, range.y - 1u)), load_column);
      tile_b[(b_k + 4u * i) * TILE + b_n] = select(0.0, value, k < range.y);
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      let at_m = k * TILE + my_m;
      let at_n = k * TILE + my_n;
      let b = vec4(tile_b[at_n], tile_b[at_n + 16u], tile_b[at_n + 32u], tile_b[at_n + 48u]);
      acc[0] += tile_a[at_m] * b;
      acc[1] += tile_a[at_m + 16u] * b;
      acc[2] += tile_a[at_m + 32u] * b;
      acc[3] += tile_a[at_m + 48u] * b;
    }
    workgroupBarrier();
  }

  let size = gemm_size();
  for (var j = 0u; j < 4u; j++) {
    let n = first_n + my_n + SIDE * j;
    if (n >= size.y) { continue; }
    let column = column_at(z, n);
    for (var i = 0u; i < 4u; i++) {
      let m = first_m + my_m + SIDE * i;
      if (m < size.x) { store(z, row_at(z, m), column, acc[i][j]); }
    }
  }
}
