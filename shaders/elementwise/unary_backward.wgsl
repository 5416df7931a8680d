// gx = gy f^(ORDER)(x), element by element: the gradient of an elementwise function, in one pass.
// One invocation strides over the grid; n counts Elements. Linked with Element and derivative_each.
// Constants: WORKGROUP, KIND, ORDER.

struct Params { n: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read> gy: array<Element>;
@group(0) @binding(3) var<storage, read_write> gx: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    gx[i] = gy[i] * derivative_each(x[i]);
  }
}
