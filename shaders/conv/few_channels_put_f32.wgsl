// Writes the first `count` of four results, at any index. Declares `result` for RESULT_BINDING.

@group(0) @binding(RESULT_BINDING) var<storage, read_write> result: array<f32>;

fn put(index: u32, count: u32, value: vec4<f32>) {
  if (count > 0u) { result[index] = value.x; }
  if (count > 1u) { result[index + 1u] = value.y; }
  if (count > 2u) { result[index + 2u] = value.z; }
  if (count > 3u) { result[index + 3u] = value.w; }
}
