// Reads the first `count` of four values of `source`, at any index; zero for the rest.

@group(0) @binding(1) var<storage, read> source: array<f32>;

fn take(index: u32, count: u32) -> vec4<f32> {
  return vec4(
    take_one(index, count > 0u),
    take_one(index + 1u, count > 1u),
    take_one(index + 2u, count > 2u),
    take_one(index + 3u, count > 3u),
  );
}

fn take_one(index: u32, inside: bool) -> f32 {
  return select(0.0, source[select(0u, index, inside)], inside);
}
