// Four rows of A by four steps of k, a column of the matrix for each row, for core_uniform.wgsl: one load a row, where
// `a_index` counts up by one along k and is a multiple of four at every fourth step. A's buffer is bound once more, as vectors.
// Constants: A_QUADS (the number of that binding).

@group(0) @binding(A_QUADS) var<storage, read> a_vectors: array<vec4<f32>>;

fn a_quad(row: Row, step: Inner) -> vec4<f32> { return a_vectors[a_index(row, step) / 4u]; }

fn a_block(rows: ptr<function, array<Row, ROWS>>, first: u32, steps: array<Inner, 4>) -> mat4x4<f32> {
  return mat4x4(
    a_quad((*rows)[first], steps[0]),
    a_quad((*rows)[first + 1u], steps[0]),
    a_quad((*rows)[first + 2u], steps[0]),
    a_quad((*rows)[first + 3u], steps[0]),
  );
}
