// Sums of squares of one range of gradients, a part per invocation: sums[first_sum + p] = Σ x² over every parts-th
// element. A reduction over the sums finishes in fixed order. Parts keep the float32 sums short and accurate.
// Constants: WORKGROUP.

struct Params { n: u32, parts: u32, first_sum: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.parts) { return; }
  var total = 0.0;
  for (var i = id.x; i < params.n; i += params.parts) {
    total += x[i] * x[i];
  }
  sums[params.first_sum + id.x] = total;
}
