// gx = gy f^(ORDER)(x), element by element: the gradient of an elementwise function, in one pass.
// n counts Elements. Linked with Element, derivative_each and share.wgsl.
// Constants: WORKGROUP, ORDER.

struct Params { n: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> gy: array<Element>;
@group(0) @binding(3) var<storage, read_write> gx: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
) {
  let share = share_of(params.n, workgroup.x, workgroups.x);
  for (var i = share.first + lane; i < share.stop; i += WORKGROUP) {
    gx[i] = gy[i] * derivative_each(x[i]);
  }
}
