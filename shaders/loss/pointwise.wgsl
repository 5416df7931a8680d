// y = scale · g · f^(i,j)(x, t), element by element: a pointwise loss (no g), or a gradient of it in one pass.
// f^(i,j) is `derivative` of pointwise_functions.wgsl, ORDER = 4 i + j. One invocation strides over the grid.
// Constants: WORKGROUP, KIND, ORDER; TARGET_TENSOR (else t is params.goal); GRADIENT (0: no g, 1: one g
// for all elements, as of a reduced loss, 2: a g for each). What is not used may have any buffer bound in its place.

struct Params { n: u32, scale: f32, goal: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  var scale = params.scale;
  if (GRADIENT == 1u) { scale *= g[0]; }
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    var goal = params.goal;
    if (TARGET_TENSOR) { goal = t[i]; }
    var value = scale * derivative(ORDER, x[i], goal);
    if (GRADIENT == 2u) { value *= g[i]; }
    y[i] = value;
  }
}
