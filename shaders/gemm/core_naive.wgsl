// Matrix product C[z] = A[z] B[z], version 1: one output per invocation. The simplest core, and the reference: the
// other cores are tested against it and timed beside it.
//
// Letters: M rows, N columns, K inner length, z batch. A core decides how outputs map to invocations; a "problem"
// file (matmul.wgsl, conv_forward.wgsl, …) says what A, B and C are: it defines Row, Column, Inner, row_at, column_at,
// inner_at, a_value, b_value, store, and gemm_size() = (M, N), inner_range(z) = [begin, end).
// Constants: WORKGROUP. Grid: x strides over M·N, z is the batch.

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let size = gemm_size();
  let z = id.z;
  let range = inner_range(z);
  for (var i = id.x; i < size.x * size.y; i += groups.x * WORKGROUP) {
    let row = row_at(z, i / size.y);
    let column = column_at(z, i % size.y);
    var total = 0.0;
    for (var k = range.x; k < range.y; k++) {
      let inner = inner_at(z, k);
      total += a_value(row, inner) * b_value(inner, column);
    }
    store(z, row, column, total);
  }
}
