// A reduced loss and its gradient in one pass: sums[s] = scale · Σ f(x, t) over the s-th of `parts` equal parts, and
// gradient = gradient_scale · ∂f/∂x of every element. f is `derivative` of pointwise_functions.wgsl.
// Shapes: x, t, gradient (length), sums (parts); a part has at most PART elements.
//
// Work: one workgroup a part. Its invocations take the elements in turn; then one adds up what lies in workgroup memory, in
// the order of the elements: the sum is that of reduce/reduce.wgsl over the losses, to the bit.
// Constants: WORKGROUP, PART, KIND; TARGET_TENSOR (else t is params.goal, and t may be any buffer).

struct Params { length: u32, part: u32, scale: f32, gradient_scale: f32, goal: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> t: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;

var<workgroup> losses: array<f32, PART>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) workgroup: vec3<u32>) {
  let start = workgroup.x * params.part;
  let count = min(params.part, params.length - start);
  for (var i = lane; i < count; i += WORKGROUP) {
    let value = x[start + i];
    var goal = params.goal;
    if (TARGET_TENSOR) { goal = t[start + i]; }
    losses[i] = derivative(0u, value, goal);
    gradient[start + i] = params.gradient_scale * derivative(4u, value, goal);
  }
  workgroupBarrier();
  if (lane > 0u) { return; }
  var total = 0.0;
  for (var i = 0u; i < count; i++) { total += losses[i]; }
  sums[workgroup.x] = total * params.scale;
}
