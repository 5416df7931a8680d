// Matrix product, version 4, for software adapters with costly loads: both operands lie in textures of four values to
// a texel, since such an adapter loads a texel for less than a single element of a buffer.
//
// Work: an invocation holds ROWS rows × 8 columns of C and takes four steps of k at once. The eight lanes of a subgroup
// load one or two texels of A each and share them by broadcasts from constant lanes; an invocation loads eight texels of B.
// Operands are packed with their borders, so there are no bounds checks: every texel's index is a base and an offset
// that the loops count up. The problem file says where (`walk_of`, `a_base`, `column_at`, `output_at`, `store`) and how
// the four values of a texel lie (A_INNER, B_INNER: texel_tile.wgsl): along k, or along the rows of A and the columns of B.
// Constants: WORKGROUP (a multiple of 8), ROWS (4 or 16), A_INNER, B_INNER, TEXTURE_WIDTH (texels to a row of a texture). Needs subgroups of 8 lanes or more.
// Grid: x blocks of 8·WORKGROUP columns, y blocks of ROWS rows, z the batch.

// Three nested loops over k, run as one since each level would copy C: how often each turns, and what is added to the
// indices of A's and B's texels after a turn of the inner one, at its end, and at the end of the middle one.
struct Walk { first: vec2<u32>, turns: vec3<u32>, inner: vec2<u32>, middle: vec2<u32>, outer: vec2<u32> }

// A walk from what a turn of each loop adds, as if it alone turned.
fn nested(first: vec2<u32>, turns: vec3<u32>, outer: vec2<u32>, middle: vec2<u32>, inner: vec2<u32>) -> Walk {
  return Walk(first, turns, inner, middle - turns.z * inner, outer - turns.y * middle);
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
    let low = columns_of(vec4(columns[0], columns[1], columns[2], columns[3]) + at.y);
    let high = columns_of(vec4(columns[4], columns[5], columns[6], columns[7]) + at.y);
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
