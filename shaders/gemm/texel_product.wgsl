// Batched matrix product C = A B of matrices in textures: the core of Winograd convolutions and of matmul on software
// adapters, which read a texel of four values for little more than one element of a buffer.
//
// A matrix is a list of texels: texel (q, i) holds entries 4q to 4q + 3 of one axis at entry i of the other. i is cut into
// panels, [batch][panel][quads][PANEL], so that every product reads memory in long runs (with i in one piece the rows of
// a large matrix are pages apart, which took twice the time). A_INNER and B_INNER say whether the four lie along k, the inner
// axis, or along the rows of A and the columns of B: so one packed operand serves every product that it takes part in.
// Texels past the end of i are zero.
//
// Work: an invocation holds ROWS rows × 8 columns of C and takes four steps of k at once. The first eight lanes of a subgroup
// load a texel of A for each eight rows and share them by broadcasts from constant lanes; an invocation loads eight texels of
// B. With 32 rows it takes 0.9 of the time of 16 (0.65 of it with lanes of 512 bits): half as many loads of B, which is also
// what misses the caches. The texels of a block that may be far away are asked for first, together (0.96 of the time).
// C is stored as texels of four rows, or with C_COLUMNS of four columns.
// Constants: those of texel_tile.wgsl with ROWS = 16 or 32, WORKGROUP (a multiple of 8), PANEL (a multiple of 32 that divides
// 4·WORKGROUP), C_COLUMNS. Needs subgroups of 8 lanes or more.
// Grid: x blocks of ROWS rows, y blocks of 8·WORKGROUP columns, z the batch: neighbours share the larger operand's panel.

struct Params {
  blocks: u32, // of four steps of k
  rows: u32, columns: u32,
  a_quads: u32, b_quads: u32, c_quads: u32,
  a_size: u32, b_size: u32, c_size: u32, // texels of one product's matrix
  sides: u32, // 2, the halves of a tile; as a constant it would unroll their stores, most of the kernel's code
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var a_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b_texture: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> c_texels: array<vec4<f32>>;

// Four columns of B from the texels at `at`, of which the first is loaded already.
fn columns_from(first: vec4<f32>, at: u32) -> mat4x4<f32> {
  let m = mat4x4(first, b_texel(at + 1u), b_texel(at + 2u), b_texel(at + 3u));
  if (B_INNER) { return transpose(m); }
  return m;
}

// Adds the eight rows of A whose texels the lanes hold in `t`.
fn update_eight(c: ptr<function, Tile>, first: u32, t: vec4<f32>, low: mat4x4<f32>, high: mat4x4<f32>) {
  update(c, first, subgroupBroadcast(t, 0u), subgroupBroadcast(t, 1u), subgroupBroadcast(t, 2u), subgroupBroadcast(t, 3u), low, high);
  update(c, first + 4u, subgroupBroadcast(t, 4u), subgroupBroadcast(t, 5u), subgroupBroadcast(t, 6u), subgroupBroadcast(t, 7u), low, high);
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane_id: u32,
) {
  let lane = lane_id & 7u;
  let row = group.x * ROWS;
  let column = (group.y * 2u * WORKGROUP + local) * 4u;
  // The slots of A, eight rows apart: rows (A_INNER), or four steps of k of each of two quads of rows. So B's columns.
  var a0 = group.z * params.a_size;
  var eight = 8u;
  if (A_INNER) {
    a0 += row / PANEL * params.a_quads * PANEL + row % PANEL + lane;
  } else {
    a0 += (row / 4u + lane / 4u) * PANEL + lane % 4u;
    eight = 2u * PANEL;
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

  var c: Tile;
  for (var block = 0u; block < params.blocks; block++) {
    let k = block * 4u;
    let along = k / PANEL * PANEL;
    var a_at = a0 + block * PANEL;
    var b_at = block * PANEL;
    if (!A_INNER) { a_at = a0 + along * params.a_quads + k % PANEL; }
    if (!B_INNER) { b_at = along * params.b_quads + k % PANEL; }
    let first_low = b_texel(b0 + b_at);
    let first_high = b_texel(b1 + b_at);
    let a_0 = a_texel(a_at);
    let a_8 = a_texel(a_at + eight);
    var a_16: vec4<f32>;
    var a_24: vec4<f32>;
    if (ROWS > 16u) {
      a_16 = a_texel(a_at + 2u * eight);
      a_24 = a_texel(a_at + 3u * eight);
    }
    let low = columns_from(first_low, b0 + b_at);
    let high = columns_from(first_high, b1 + b_at);
    update_eight(&c, 0u, a_0, low, high);
    update_eight(&c, 8u, a_8, low, high);
    if (ROWS > 16u) {
      update_eight(&c, 16u, a_16, low, high);
      update_eight(&c, 24u, a_24, low, high);
    }
  }

  // Once for the low columns, once for the high ones.
  let c0 = group.z * params.c_size;
  for (var side = 0u; side < params.sides; side++) {
    let j = column + side * 4u * WORKGROUP;
    if (C_COLUMNS) {
      let at = c0 + (row / PANEL * params.c_quads + j / 4u) * PANEL + row % PANEL;
      for (var i = 0u; i < ROWS; i++) {
        if (row + i < params.rows && j < params.columns) { c_texels[at + i] = c.low[i]; }
      }
    } else {
      let at = c0 + (j / PANEL * params.c_quads + row / 4u) * PANEL + j % PANEL;
      for (var q = 0u; q < ROWS / 4u; q++) {
        let four = transpose(mat4x4(c.low[4u * q], c.low[4u * q + 1u], c.low[4u * q + 2u], c.low[4u * q + 3u]));
        for (var i = 0u; i < 4u; i++) {
          if (row + 4u * q < params.rows && j + i < params.columns) { c_texels[at + q * PANEL + i] = four[i]; }
        }
      }
    }
    c.low = c.high;
  }
}
