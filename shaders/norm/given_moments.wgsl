// The coefficients of statistics that do not depend on x: mean and variance (G) are read. One invocation per group.
// Linked with publish_coefficients. Constants: WORKGROUP, PUBLISH.

struct Params { groups: u32, channels: u32, eps: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> variance: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var group = id.x; group < params.groups; group += groups.x * WORKGROUP) {
    publish_coefficients(group, mean[group], variance[group]);
  }
}
