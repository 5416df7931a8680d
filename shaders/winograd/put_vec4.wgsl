// Stores a run of neighbours four at a time: a software adapter stores a vector for little more than one value. RUN and the
// length of a row are multiples of 4.

@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

// Stores the run at `column` of the row that begins at `row`, as far as the row's `length` values go.
fn put(row: u32, column: u32, length: u32, run: array<f32, RUN>) {
  for (var j = 0u; j < RUN; j += 4u) {
    if (column + j < length) { y[(row + column + j) / 4u] = vec4(run[j], run[j + 1u], run[j + 2u], run[j + 3u]); }
  }
}
