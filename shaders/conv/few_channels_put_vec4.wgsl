// Writes runs of four results whose first index is a multiple of 4, as one vector: several times cheaper than four
// stores on a software adapter. Declares `result` for RESULT_BINDING.

@group(0) @binding(RESULT_BINDING) var<storage, read_write> result: array<vec4<f32>>;

fn put(index: u32, count: u32, value: vec4<f32>) {
  if (count != 0u) { result[index / 4u] = value; }
}
