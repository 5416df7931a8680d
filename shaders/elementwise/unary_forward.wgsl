// y = f(x), element by element; f is `derivative` of unary_functions.wgsl at order ORDER (0: the function itself).
// One invocation strides over the grid; n counts Elements. Linked with Element and derivative_each.
// Constants: WORKGROUP, KIND, ORDER.

struct Params { n: u32, a: f32, b: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Element>;
@group(0) @binding(2) var<storage, read_write> y: array<Element>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    y[i] = derivative_each(x[i]);
  }
}
