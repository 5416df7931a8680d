// A ceiling for memory: y = x in vectors of four, neighbours at neighbouring addresses.
// Constants: WORKGROUP. One invocation strides over the grid.

struct Params { n: u32 } // vectors
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    y[i] = x[i];
  }
}
