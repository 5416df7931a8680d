// y = weight · (x - mean) / √(variance + eps) + bias, in one pass (Ioffe & Szegedy 2015, algorithm 1).
//
// Shapes: x, y (N, G, L); mean, variance (G); weight, bias (C), where group g belongs to channel g % C.
// Work: one invocation per unit (1 or 4 float32) of (G, L), which is its column, and `depth` of the N rows: neighbours
// read side by side, and what belongs to the channel is loaded once. Linked with Element.
// Constants: WORKGROUP, HAS_WEIGHT, HAS_BIAS (without them any buffer may be bound in their places).

struct Params { rows: u32, columns: u32, run: u32, channels: u32, depth: u32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read> bias: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let parts = (params.rows + params.depth - 1u) / params.depth;
  for (var i = id.x; i < params.columns * parts; i += groups.x * WORKGROUP) {
    let column = i % params.columns;
    let first = (i / params.columns) * params.depth;
    let group = column / params.run;
    let channel = group % params.channels;
    let center = mean[group];
    var scale = 1.0 / sqrt(variance[group] + params.eps);
    if (HAS_WEIGHT) { scale *= weight[channel]; }
    var shift = 0.0;
    if (HAS_BIAS) { shift = bias[channel]; }
    for (var n = first; n < min(first + params.depth, params.rows); n++) {
      let at = n * params.columns + column;
      y[at] = (x[at] - center) * scale + shift;
    }
  }
}
