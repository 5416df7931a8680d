// Reads runs of four values of `source` whose first index is a multiple of 4, as one vector: half the cost of four
// loads on a software adapter.

@group(0) @binding(1) var<storage, read> source: array<vec4<f32>>;

fn take(index: u32, count: u32) -> vec4<f32> {
  return select(vec4<f32>(), source[select(0u, index / 4u, count != 0u)], count != 0u);
}

fn take_one(index: u32, inside: bool) -> f32 {
  let i = select(0u, index, inside);
  return select(0.0, source[i / 4u][i % 4u], inside);
}
