// The adjoint of label_pick.wgsl: y[n, c] = -g[n] where c is the row's label, else 0.
// Shapes: g (N), labels (N), y (N, C). One invocation strides over the grid. Constants: WORKGROUP.

struct Params { n: u32, classes: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    let row = i / params.classes;
    y[i] = select(0.0, -g[row], labels[row] == i % params.classes);
  }
}
