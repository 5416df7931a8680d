// Stores a run of neighbours one by one: for runs and rows of any length.

@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Stores the run at `column` of the row that begins at `row`, as far as the row's `length` values go.
fn put(row: u32, column: u32, length: u32, run: array<f32, RUN>) {
  for (var j = 0u; j < RUN; j++) {
    if (column + j < length) { y[row + column + j] = run[j]; }
  }
}
