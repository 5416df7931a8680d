// Limits gradients to [-limit, limit], in place.
// Work: one invocation per element, striding over the grid. Constants: WORKGROUP.

struct Params { n: u32, limit: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    // Comparisons, not clamp(): a gradient that is not a number stays one.
    if (x[i] > params.limit) { x[i] = params.limit; }
    if (x[i] < -params.limit) { x[i] = -params.limit; }
  }
}
