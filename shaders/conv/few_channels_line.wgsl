// Loads what an invocation sees of a row of `source`: 4·FOURS values, LEFT before them and RIGHT after; zero where the
// row has none. With NEIGHBOURS, neighbouring lanes have neighbouring values and a subgroup has whole rows, so that the
// borders come from the lanes beside instead of memory; it asks that lanes follow the order of invocations, as lavapipe's do.
// Constants of the including kernel: LEFT, RIGHT, FOURS, NEIGHBOURS.

alias Line = array<f32, LEFT + 4u * FOURS + RIGHT>;

// `column` is that of the first of the 4·FOURS values, `start` the index of the row's first value.
fn load_line(start: u32, column: u32, length: u32, inside: bool) -> Line {
  var fours: array<vec4<f32>, FOURS>;
  var line: Line;
  for (var v = 0u; v < FOURS; v++) {
    let at = column + 4u * v;
    fours[v] = take(start + at, select(0u, min(length - min(at, length), 4u), inside));
    line[LEFT + 4u * v] = fours[v].x;
    line[LEFT + 4u * v + 1u] = fours[v].y;
    line[LEFT + 4u * v + 2u] = fours[v].z;
    line[LEFT + 4u * v + 3u] = fours[v].w;
  }
  for (var j = 1u; j <= LEFT; j++) {
    let at = column - j; // what lies before the origin wraps to large numbers
    if (NEIGHBOURS) { line[LEFT - j] = select(0.0, subgroupShuffleUp(fours[FOURS - 1u][4u - j], 1u), at < length); }
    else { line[LEFT - j] = take_one(start + at, inside && at < length); }
  }
  for (var j = 0u; j < RIGHT; j++) {
    let at = column + 4u * FOURS + j;
    let i = LEFT + 4u * FOURS + j;
    if (NEIGHBOURS) { line[i] = select(0.0, subgroupShuffleDown(fours[0][j], 1u), at < length); }
    else { line[i] = take_one(start + at, inside && at < length); }
  }
  return line;
}
