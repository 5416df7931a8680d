// Joins the `splits` Partials of every group that group_walk.wgsl left, in order, and publishes the result.
// Shapes: partials (splits, G) of four float32. One invocation per channel: its groups follow each other, as the running
// statistics follow batches. Linked with Partial, join, unpack, publish.
// Constants: WORKGROUP, PUBLISH (the first binding of what is linked as publish).

struct Params { groups: u32, splits: u32, channels: u32, eps: f32, momentum: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<vec4<f32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var channel = id.x; channel < params.channels; channel += groups.x * WORKGROUP) {
    for (var group = channel; group < params.groups; group += params.channels) {
      var result = unpack(partials[group]);
      for (var split = 1u; split < params.splits; split++) {
        result = join(result, unpack(partials[split * params.groups + group]));
      }
      publish(group, 0u, result);
    }
  }
}
