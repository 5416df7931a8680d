// Exponential moving average of weights: average += (1 - decay) (values - average).
// Work: one invocation per vec4, striding over the grid. Constants: WORKGROUP.

struct Params { n: u32, one_minus_decay: f32 } // n in vec4s
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> averages: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    averages[i] += params.one_minus_decay * (values[i] - averages[i]);
  }
}
