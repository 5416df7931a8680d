// The gradient of x of a normalisation, in one pass.
//
// Through batch statistics (Ioffe & Szegedy 2015, section 3, simplified), means over the M elements of the group:
//   gx = weight/σ · (gy - mean(gy) - x̂ · mean(gy·x̂)),  σ = √(variance + eps),  x̂ = (x - mean)/σ.
// Of a group of two values x̂ = ±√(variance)/σ, and most of that difference cancels. What is left of it is
//   gx = weight/σ · (gy - mean(gy)) · eps/(variance + eps).
// With statistics that do not depend on x: gx = weight/σ · gy.
//
// Shapes: x, gy, gx (N, G, L); mean, variance, sum = Σ gy, dot = Σ gy·x̂ (G); weight (C), group g in channel g % C.
// Work: as normalize.wgsl. Linked with Element.
// Constants: WORKGROUP, HAS_WEIGHT, BATCH_STATISTICS, PAIRS (batch statistics of two values each). What is not used
// (weight, sum, dot) may have any buffer bound in its place.

struct Params { rows: u32, columns: u32, run: u32, channels: u32, depth: u32, eps: f32, inv_count: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> gy: array<Element>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> weight: array<f32>;
@group(0) @binding(6) var<storage, read> sum_in: array<f32>;
@group(0) @binding(7) var<storage, read> dot_in: array<f32>;
@group(0) @binding(8) var<storage, read_write> gx: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let parts = (params.rows + params.depth - 1u) / params.depth;
  for (var i = id.x; i < params.columns * parts; i += groups.x * WORKGROUP) {
    let column = i % params.columns;
    let first = (i / params.columns) * params.depth;
    let group = column / params.run;
    let center = mean[group];
    let inv_std = 1.0 / sqrt(variance[group] + params.eps);
    var scale = inv_std;
    if (HAS_WEIGHT) { scale *= weight[group % params.channels]; }
    var offset = 0.0;
    var slope = 0.0;
    if (BATCH_STATISTICS) {
      offset = sum_in[group] * params.inv_count;
      slope = dot_in[group] * params.inv_count * inv_std;
    }
    for (var n = first; n < min(first + params.depth, params.rows); n++) {
      let at = n * params.columns + column;
      if (PAIRS) {
        gx[at] = (gy[at] - offset) * (scale * params.eps * inv_std * inv_std);
      } else if (BATCH_STATISTICS) {
        gx[at] = (gy[at] - offset - (x[at] - center) * slope) * scale;
      } else {
        gx[at] = gy[at] * scale;
      }
    }
  }
}
