// Matrix product, version 5, for software adapters that load once where every lane reads the same address (lavapipe from
// Mesa 26 on): core_subgroup.wgsl without its broadcasts, so without subgroups, on plain buffers that need no packing.
//
// Work: an invocation holds 4·ROW_VECTORS rows × 4 columns of C and takes four steps of k at once. The address of a value of
// A depends on the workgroup and on k alone, so it is one scalar load for all lanes, and one fetches four neighbours
// where A lies along k (a_quads_inner.wgsl) or along its rows (a_quads_outer.wgsl; else a_singles.wgsl). Columns lie WORKGROUP
// apart, so that neighbours read neighbouring addresses.
// Constants: WORKGROUP, ROW_VECTORS (1, 2, 4 or 8; the more rows, the fewer loads of B).
// Grid: x blocks of 4·WORKGROUP columns, y blocks of 4·ROW_VECTORS rows, z the batch.

const ROWS = 4u * ROW_VECTORS;

fn columns_value(inner: Inner, columns: ptr<function, array<Column, 4>>) -> vec4<f32> {
  return vec4(
    b_value(inner, (*columns)[0]),
    b_value(inner, (*columns)[1]),
    b_value(inner, (*columns)[2]),
    b_value(inner, (*columns)[3]),
  );
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  let z = group.z;
  let range = inner_range(z);
  let first_m = group.y * ROWS;
  let first_n = group.x * (4u * WORKGROUP) + local;
  var rows: array<Row, ROWS>;
  for (var i = 0u; i < ROWS; i++) { rows[i] = row_at(z, first_m + i); }
  var columns: array<Column, 4>;
  for (var j = 0u; j < 4u; j++) { columns[j] = column_at(z, first_n + j * WORKGROUP); }

  var acc: array<vec4<f32>, ROWS>;
  let whole = range.x + ((range.y - range.x) & ~3u);
  for (var k = range.x; k < whole; k += 4u) {
    let steps = array(inner_at(z, k), inner_at(z, k + 1u), inner_at(z, k + 2u), inner_at(z, k + 3u));
    let b = mat4x4(
      columns_value(steps[0], &columns),
      columns_value(steps[1], &columns),
      columns_value(steps[2], &columns),
      columns_value(steps[3], &columns),
    );
    for (var v = 0u; v < ROW_VECTORS; v++) {
      let a = a_block(&rows, 4u * v, steps);
      acc[4u * v] += b * a[0];
      acc[4u * v + 1u] += b * a[1];
      acc[4u * v + 2u] += b * a[2];
      acc[4u * v + 3u] += b * a[3];
    }
  }
  for (var k = whole; k < range.y; k++) {
    let inner = inner_at(z, k);
    let b = columns_value(inner, &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) {
      acc[4u * v] += a_value(rows[4u * v], inner) * b;
      acc[4u * v + 1u] += a_value(rows[4u * v + 1u], inner) * b;
      acc[4u * v + 2u] += a_value(rows[4u * v + 2u], inner) * b;
      acc[4u * v + 3u] += a_value(rows[4u * v + 3u], inner) * b;
    }
  }

  let size = gemm_size();
  for (var j = 0u; j < 4u; j++) {
    if (first_n + j * WORKGROUP >= size.y) { continue; }
    for (var i = 0u; i < ROWS; i++) {
      if (first_m + i < size.x) { store(z, rows[i], columns[j], acc[i][j]); }
    }
  }
}
