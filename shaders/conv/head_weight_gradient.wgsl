// Weight gradient of the logit head (head_forward.wgsl): gw[j] = Σ_n gy[n] x[n, j], one pass over x.
//
// Work: an invocation has four neighbouring j and walks over the images, eight at once, whose gy the lanes of a subgroup
// load and share. Linked with few_channels_share.wgsl. Needs subgroups of 8 lanes or more.
// Constants: WORKGROUP (a multiple of 8). Grid: x fours of j.

struct Params { n: u32, fours: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> gw: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let j = min(id.x, params.fours - 1u);
  var sum: vec4<f32>;
  for (var n = 0u; n < params.n; n += 8u) {
    let mine = n + (lane & 7u);
    let g = share(select(0.0, gy[min(mine, params.n - 1u)], mine < params.n));
    for (var i = 0u; i < 8u; i++) { sum += g[i] * x[min(n + i, params.n - 1u) * params.fours + j]; }
  }
  if (id.x < params.fours) { gw[id.x] = sum; }
}
