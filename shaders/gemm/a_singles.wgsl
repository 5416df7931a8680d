// Four rows of A by four steps of k, a column of the matrix for each row, for core_uniform.wgsl: each value by itself, wherever
// it lies.

fn a_steps(row: Row, steps: array<Inner, 4>) -> vec4<f32> {
  return vec4(a_value(row, steps[0]), a_value(row, steps[1]), a_value(row, steps[2]), a_value(row, steps[3]));
}

fn a_block(rows: ptr<function, array<Row, ROWS>>, first: u32, steps: array<Inner, 4>) -> mat4x4<f32> {
  return mat4x4(
    a_steps((*rows)[first], steps),
    a_steps((*rows)[first + 1u], steps),
    a_steps((*rows)[first + 2u], steps),
    a_steps((*rows)[first + 3u], steps),
  );
}
