// y = f(x), element by element; f is `derivative` of a file in unary/functions at order ORDER (0: the function itself).
// n counts Elements. Linked with Element, derivative_each and share.wgsl.
// Constants: WORKGROUP, ORDER.

struct Params { n: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> y: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
) {
  let share = share_of(params.n, workgroup.x, workgroups.x);
  for (var i = share.first + lane; i < share.stop; i += WORKGROUP) {
    y[i] = derivative_each(x[i]);
  }
}
