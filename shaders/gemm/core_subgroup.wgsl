// Matrix product, version 3, for adapters where a load costs far more than a multiply-add (software ones such as
// lavapipe): everything in registers, no workgroup memory, no barrier.
//
// Work: an invocation holds 4·ROW_VECTORS rows × 4 columns of C. For eight steps of k at once, lane l of the subgroup
// loads A at k + l for every row; a broadcast from a constant lane then shares it with all lanes, so a value of A is
// loaded once per subgroup and a value of B once per 4·ROW_VECTORS multiply-adds. All invocations of a workgroup share
// rows; columns lie WORKGROUP apart, so that neighbours read neighbouring addresses. Needs subgroups of 8 lanes or more.
// Constants: WORKGROUP (a multiple of 8), ROW_VECTORS (1, 2, 4 or 8; the more rows, the fewer loads of B).
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

fn rows_value(inner: Inner, rows: ptr<function, array<Row, ROWS>>, v: u32) -> vec4<f32> {
  return vec4(
    a_value((*rows)[4u * v], inner),
    a_value((*rows)[4u * v + 1u], inner),
    a_value((*rows)[4u * v + 2u], inner),
    a_value((*rows)[4u * v + 3u], inner),
  );
}

fn update(acc: ptr<function, array<vec4<f32>, ROWS>>, v: u32, a: vec4<f32>, b: vec4<f32>) {
  (*acc)[4u * v] += a.x * b;
  (*acc)[4u * v + 1u] += a.y * b;
  (*acc)[4u * v + 2u] += a.z * b;
  (*acc)[4u * v + 3u] += a.w * b;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let z = group.z;
  let range = inner_range(z);
  let first_m = group.y * ROWS;
  let first_n = group.x * (4u * WORKGROUP) + local;
  var rows: array<Row, ROWS>;
  for (var i = 0u; i < ROWS; i++) { rows[i] = row_at(z, first_m + i); }
  var columns: array<Column, 4>;
  for (var j = 0u; j < 4u; j++) { columns[j] = column_at(z, first_n + j * WORKGROUP); }

  var acc: array<vec4<f32>, ROWS>;
  let whole = range.x + ((range.y - range.x) & ~7u);
  for (var k = range.x; k < whole; k += 8u) {
    let mine = inner_at(z, k + (lane & 7u));
    var a: array<vec4<f32>, ROW_VECTORS>;
    for (var v = 0u; v < ROW_VECTORS; v++) { a[v] = rows_value(mine, &rows, v); }
    let b0 = columns_value(inner_at(z, k), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 0u), b0); }
    let b1 = columns_value(inner_at(z, k + 1u), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 1u), b1); }
    let b2 = columns_value(inner_at(z, k + 2u), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 2u), b2); }
    let b3 = columns_value(inner_at(z, k + 3u), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 3u), b3); }
    let b4 = columns_value(inner_at(z, k + 4u), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 4u), b4); }
    let b5 = columns_value(inner_at(z, k + 5u), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 5u), b5); }
    let b6 = columns_value(inner_at(z, k + 6u), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 6u), b6); }
    let b7 = columns_value(inner_at(z, k + 7u), &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, subgroupBroadcast(a[v], 7u), b7); }
  }
  for (var k = whole; k < range.y; k++) {
    let inner = inner_at(z, k);
    let b = columns_value(inner, &columns);
    for (var v = 0u; v < ROW_VECTORS; v++) { update(&acc, v, rows_value(inner, &rows, v), b); }
  }

  let size = gemm_size();
  for (var j = 0u; j < 4u; j++) {
    if (first_n + j * WORKGROUP >= size.y) { continue; }
    for (var i = 0u; i < ROWS; i++) {
      if (first_m + i < size.x) { store(z, rows[i], columns[j], acc[i][j]); }
    }
  }
}
