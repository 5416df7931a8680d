// Input gradient of the logit head (head_forward.wgsl): gx[n, j] = gy[n] w[j], one pass over gx.
//
// Work: an invocation has four neighbouring j and walks over the images of its part, eight at once, whose gy the lanes of
// a subgroup load and share. Linked with few_channels_share.wgsl. Needs subgroups of 8 lanes or more.
// Constants: WORKGROUP (a multiple of 8). Grid: x fours of j, y parts of the images.

struct Params { n: u32, fours: u32, part: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> gx: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let w = weight[min(id.x, params.fours - 1u)];
  let end = select(0u, min((id.y + 1u) * params.part, params.n), id.x < params.fours);
  for (var n = id.y * params.part; n < min((id.y + 1u) * params.part, params.n); n += 8u) {
    let g = share(gy[min(n + (lane & 7u), params.n - 1u)]);
    for (var i = 0u; i < 8u; i++) {
      if (n + i < end) { gx[(n + i) * params.fours + id.x] = g[i] * w; }
    }
  }
}
