// Scales gradients so that their norm, computed before, is at most max_norm: x *= min(1, max_norm / (norm + 1e-6)), as
// torch.nn.utils.clip_grad_norm_. A norm that is not a number makes them all so, as there.
// Work: one invocation per element, striding over the grid. Constants: WORKGROUP.

struct Params { n: u32, max_norm: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> norm: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  var scale = params.max_norm / (norm[0] + 1e-6);
  if (scale > 1.0) { scale = 1.0; }
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    x[i] *= scale;
  }
}
