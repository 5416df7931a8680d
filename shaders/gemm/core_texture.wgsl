// Matrix product, version 4, for software adapters with costly loads: both operands lie in textures of four values to
// a texel, since such an adapter reads a texel for less than a single element of a buffer.
//
// Work: an invocation holds ROWS rows × 8 columns of C and takes four steps of k at once. The eight lanes of a subgroup
// load one or two texels of A each and share them by broadcasts from constant lanes; an invocation loads eight texels of B.
// Operands are packed with their borders, so there are no bounds checks: every texel's index is a base and an offset
// that the loops count up. The problem file says where (`walk_of`, `a_base`, `column_at`, `output_at`, `store`) and how
// the four values of a texel lie (INNER_TEXELS): along k, or along the rows of A and the columns of B.
// Constants: WORKGROUP (a multiple of 8), ROWS (4 or 16), INNER_TEXELS, TEXTURE_WIDTH (texels to a row of a texture). Needs subgroups of 8 lanes or more.
// Grid: x blocks of 8·WORKGROUP columns, y blocks of ROWS rows, z the batch.

// Three nested loops over k, run as one since each level would copy C: how often each turns, and what is added to the
// indices of A's and B's texels after a turn of the inner one, at its end, and at the end of the middle one.
struct Walk { first: vec2<u32>, turns: vec3<u32>, inner: vec2<u32>, middle: vec2<u32>, outer: vec2<u32> }

// A walk from what a turn of each loop adds, as if it alone turned.
fn nested(first: vec2<u32>, turns: vec3<u32>, outer: vec2<u32>, middle: vec2<u32>, inner: vec2<u32>) -> Walk {
  return Walk(first, turns, inner, middle - turns.z * inner, outer - turns.y * middle);
}

fn value_of(index: u32) -> vec2<u32> { return vec2(index & (TEXTURE_WIDTH - 1u), index / TEXTURE_WIDTH); }
fn a_texel(index: u32) -> vec4<f32> { return textureLoad(a_texture, value_of(index)); }
fn b_texel(index: u32) -> vec4<f32> { return textureLoad(b_texture, value_of(index)); }

struct Tile { low: array<vec4<f32>, ROWS>, high: array<vec4<f32>, ROWS> } // columns 0 to 3, and 4 to 7

// Four columns of B by four steps of k, so that `result * a` is what a row with the four values `a` adds to C.
fn columns_of(t0: vec4<f32>, t1: vec4<f32>, t2: vec4<f32>, t3: vec4<f32>) -> mat4x4<f32> {
  let m = mat4x4(t0, t1, t2, t3);
  if (INNER_TEXELS) { return transpose(m); }
  return m;
}

// Adds four rows of A, each a column of `rows`, times four steps of k.
fn update(c: ptr<function, Tile>, first: u32, t0: vec4<f32>, t1: vec4<f32>, t2: vec4<f32>, t3: vec4<f32>, low: mat4x4<f32>, high: mat4x4<f32>) {
  var rows = mat4x4(t0, t1, t2, t3);
  if (!INNER_TEXELS) { rows = transpose(rows); }
  for (var i = 0u; i < 4u; i++) {
    (*c).low[first + i] += low * rows[i];
    (*c).high[first + i] += high * rows[i];
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let walk = walk_of(group.z);
  let a0 = walk.first.x + a_base(group.z, group.y, lane & 7u);
  let a1 = walk.first.x + a_base(group.z, group.y, 8u + (lane & 7u));
  var columns: array<u32, 8>;
  for (var j = 0u; j < 8u; j++) { columns[j] = walk.first.y + column_at(group.z, group.x, local, j); }

  var c: Tile;
  let steps = walk.turns.x * walk.turns.y * walk.turns.z;
  var at = vec2<u32>();
  var turn = vec2<u32>(); // of the two inner loops
  for (var step = 0u; step < steps; step++) {
    let m = a_texel(a0 + at.x);
    let low = columns_of(b_texel(columns[0] + at.y), b_texel(columns[1] + at.y), b_texel(columns[2] + at.y), b_texel(columns[3] + at.y));
    let high = columns_of(b_texel(columns[4] + at.y), b_texel(columns[5] + at.y), b_texel(columns[6] + at.y), b_texel(columns[7] + at.y));
    update(&c, 0u, subgroupBroadcast(m, 0u), subgroupBroadcast(m, 1u), subgroupBroadcast(m, 2u), subgroupBroadcast(m, 3u), low, high);
    if (ROWS > 4u) {
      update(&c, 4u, subgroupBroadcast(m, 4u), subgroupBroadcast(m, 5u), subgroupBroadcast(m, 6u), subgroupBroadcast(m, 7u), low, high);
      let n = a_texel(a1 + at.x);
      update(&c, 8u, subgroupBroadcast(n, 0u), subgroupBroadcast(n, 1u), subgroupBroadcast(n, 2u), subgroupBroadcast(n, 3u), low, high);
      update(&c, 12u, subgroupBroadcast(n, 4u), subgroupBroadcast(n, 5u), subgroupBroadcast(n, 6u), subgroupBroadcast(n, 7u), low, high);
    }
    turn.x++;
    at += walk.inner;
    let next = turn.x == walk.turns.z;
    turn = select(turn, vec2(0u, turn.y + 1u), next);
    at += select(vec2(0u), walk.middle, next);
    let last = turn.y == walk.turns.y;
    turn.y = select(turn.y, 0u, last);
    at += select(vec2(0u), walk.outer, last);
  }

  for (var j = 0u; j < 8u; j++) {
    let output = output_at(group.z, group.x, local, j);
    if (!output.inside) { continue; }
    for (var i = 0u; i < ROWS; i++) {
      let row = group.y * ROWS + i;
      if (row < params.rows) { store(output.index, row, select(c.low[i][j & 3u], c.high[i][j & 3u], j > 3u)); }
    }
  }
}
