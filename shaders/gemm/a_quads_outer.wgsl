// Four rows of A by four steps of k, a column of the matrix for each row, for core_uniform.wgsl: one load a step, where
// `a_index` counts up by one along the rows and is a multiple of four at every fourth row. A's buffer is bound once more, as
// vectors. Constants: A_QUADS (the number of that binding).

@group(0) @binding(A_QUADS) var<storage, read> a_vectors: array<vec4<f32>>;

fn a_quad(row: Row, step: Inner) -> vec4<f32> { return a_vectors[a_index(row, step) / 4u]; }

fn a_block(rows: ptr<function, array<Row, ROWS>>, first: u32, steps: array<Inner, 4>) -> mat4x4<f32> {
  let row = (*rows)[first];
  return transpose(mat4x4(a_quad(row, steps[0]), a_quad(row, steps[1]), a_quad(row, steps[2]), a_quad(row, steps[3])));
}
