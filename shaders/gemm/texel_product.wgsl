// Batched matrix product C = A B of matrices in textures: the core of Winograd convolutions and of matmul on software
// adapters, which read a texel of four values for little more than one element of a buffer.
//
// A matrix is a list of texels: texel (q, i) holds entries 4q to 4q + 3 of one axis at entry i of the other. i is cut into
// panels, [batch][panel][quads][PANEL], so that every product reads memory in long runs (with i in one piece the rows of
// a large matrix are pages apart, which took twice the time). A_INNER and B_INNER say whether the four lie along k, the inner
// axis, or along the rows of A and the columns of B: so one packed operand serves every product that it takes part in.
// Texels past the end of i are zero.
//
// Work: an invocation holds 16 rows × 8 columns of C and takes four steps of k at once. The eight lanes of a subgroup load
// two texels of A each and share them by broadcasts from constant lanes; an invocation loads eight texels of B.
// C is stored as texels of four rows, or with C_COLUMNS of four columns.
// Constants: those of texel_tile.wgsl with ROWS = 16, WORKGROUP (a multiple of 8), PANEL (a multiple of 16 that divides
// 4·WORKGROUP), C_COLUMNS. Needs subgroups of 8 lanes or more.
// Grid: x blocks of 16 rows, y blocks of 8·WORKGROUP columns, z the batch: neighbours share the larger operand's panel.

struct Params {
  blocks: u32, // of four steps of k
  rows: u32, columns: u32,
  a_quads: u32, b_quads: u32, c_quads: u32,
  a_size: u32, b_size: u32, c_size: u32, // texels of one product's matrix
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var a_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var c_texture: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane_id: u32,
) {
  let lane = lane_id & 7u;
  let row = group.x * 16u;
  let column = (group.y * 2u * WORKGROUP + local) * 4u;
  // The slots of A: rows (A_INNER), or four steps of k of each of four quads of rows. The same for B's columns.
  var a0 = group.z * params.a_size;
  var a1 = a0;
  if (A_INNER) {
    a0 += row / PANEL * params.a_quads * PANEL + row % PANEL + lane;
    a1 = a0 + 8u;
  } else {
    a0 += (row / 4u + lane / 4u) * PANEL + lane % 4u;
    a1 = a0 + 2u * PANEL;
  }
  var b0 = group.z * params.b_size;
  var b1 = b0;
  if (B_INNER) {
    b0 += column / PANEL * params.b_quads * PANEL + column % PANEL;
    b1 = b0 + 4u * WORKGROUP * params.b_quads;
  } else {
    b0 += column / 4u * PANEL;
    b1 = b0 + WORKGROUP * PANEL;
  }
  let four = vec4(0u, 1u, 2u, 3u);

  var c: Tile;
  for (var block = 0u; block < params.blocks; block++) {
    let k = block * 4u;
    let along = k / PANEL * PANEL;
    var a_at = block * PANEL;
    var b_at = a_at;
    if (!A_INNER) { a_at = along * params.a_quads + k % PANEL; }
    if (!B_INNER) { b_at = along * params.b_quads + k % PANEL; }
    let m = a_texel(a0 + a_at);
    let low = columns_of(b0 + b_at + four);
    let high = columns_of(b1 + b_at + four);
    update(&c, 0u, subgroupBroadcast(m, 0u), subgroupBroadcast(m, 1u), subgroupBroadcast(m, 2u), subgroupBroadcast(m, 3u), low, high);
    update(&c, 4u, subgroupBroadcast(m, 4u), subgroupBroadcast(m, 5u), subgroupBroadcast(m, 6u), subgroupBroadcast(m, 7u), low, high);
    let n = a_texel(a1 + a_at);
    update(&c, 8u, subgroupBroadcast(n, 0u), subgroupBroadcast(n, 1u), subgroupBroadcast(n, 2u), subgroupBroadcast(n, 3u), low, high);
    update(&c, 12u, subgroupBroadcast(n, 4u), subgroupBroadcast(n, 5u), subgroupBroadcast(n, 6u), subgroupBroadcast(n, 7u), low, high);
  }

  let c0 = group.z * params.c_size;
  if (C_COLUMNS) {
    let at = c0 + (row / PANEL * params.c_quads + column / 4u) * PANEL + row % PANEL;
    for (var i = 0u; i < 16u; i++) {
      if (row + i >= params.rows) { break; }
      if (column < params.columns) { textureStore(c_texture, place(at + i), c.low[i]); }
      if (column + 4u * WORKGROUP < params.columns) { textureStore(c_texture, place(at + WORKGROUP * PANEL + i), c.high[i]); }
    }
    return;
  }
  let at = c0 + (column / PANEL * params.c_quads + row / 4u) * PANEL + column % PANEL;
  let other_at = at + 4u * WORKGROUP * params.c_quads;
  for (var q = 0u; q < 4u; q++) {
    if (row + 4u * q >= params.rows) { break; }
    let low = transpose(mat4x4(c.low[4u * q], c.low[4u * q + 1u], c.low[4u * q + 2u], c.low[4u * q + 3u]));
    let high = transpose(mat4x4(c.high[4u * q], c.high[4u * q + 1u], c.high[4u * q + 2u], c.high[4u * q + 3u]));
    for (var j = 0u; j < 4u; j++) {
      if (column + j < params.columns) { textureStore(c_texture, place(at + q * PANEL + j), low[j]); }
      if (column + 4u * WORKGROUP + j < params.columns) { textureStore(c_texture, place(other_at + q * PANEL + j), high[j]); }
    }
  }
}
