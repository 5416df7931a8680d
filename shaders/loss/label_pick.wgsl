// losses[n] = -log_p[n, label[n]]: the negative log likelihood of each row's class.
// Shapes: log_p (N, C), labels (N), losses (N). One invocation per row. A label outside 0..C-1 gives NaN, so that a
// wrong label is seen in the loss; params.nan carries its bits because WGSL has no NaN constant. Constants: WORKGROUP.

struct Params { rows: u32, classes: u32, nan: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> log_p: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var n = id.x; n < params.rows; n += groups.x * WORKGROUP) {
    let label = labels[n];
    if (label < params.classes) {
      losses[n] = -log_p[n * params.classes + label];
    } else {
      losses[n] = bitcast<f32>(params.nan);
    }
  }
}
