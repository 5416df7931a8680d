// Writes one value to every element.
// Any number of workgroups is right; n counts Elements. Linked with Element and share.wgsl.
// Constants: WORKGROUP.

struct Params { n: u32, value: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> target_values: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
) {
  let share = share_of(params.n, workgroup.x, workgroups.x);
  for (var i = share.first + lane; i < share.stop; i += WORKGROUP) {
    target_values[i] = Element(params.value);
  }
}
