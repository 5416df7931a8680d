// The logit head of a discriminator: a convolution with one output value an image, whose window is the whole of x,
// y[n] = bias + Σ_j w[j] x[n, j].
//
// Work: a workgroup is one subgroup and has ROWS images. Its lanes take four neighbouring j each in turn; a value of w is
// loaded once for ROWS of x. The lanes' sums are added at the end.
// Constants: ROWS (4 at most), LANES (the size of a subgroup), HAS_BIAS. Grid: x images.

struct Params { n: u32, fours: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(subgroup_invocation_id) lane: u32) {
  let first = group.x * ROWS;
  var sums: array<vec4<f32>, ROWS>;
  for (var j = lane; j < params.fours; j += LANES) {
    let w = weight[j];
    for (var i = 0u; i < ROWS; i++) {
      sums[i] += w * x[min(first + i, params.n - 1u) * params.fours + j];
    }
  }
  var start = 0.0;
  if (HAS_BIAS) { start = bias[0]; }
  for (var i = 0u; i < ROWS; i++) {
    let total = subgroupAdd(dot(sums[i], vec4(1.0)));
    if (lane == 0u && first + i < params.n) { y[first + i] = start + total; }
  }
}
