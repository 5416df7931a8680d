// The frame of every optimizer step: parameters of many shapes lie in one flat buffer and are updated together.
//
// Layout: each parameter starts at a multiple of CHUNK floats and is padded with zeros up to the next one, so a chunk
// belongs to one parameter: owners[chunk] is its number, and its entry in `states` says how far its optimizer has come.
// Work: a workgroup takes a chunk and strides over the grid; each invocation updates one vec4 at a time. The optimizer
// that this file is joined with gives `fn update(i, state)`, which changes values[i] and its own moments (binding 5
// and up). `params` holds the settings of all optimizers; each reads its own.
// Constants: WORKGROUP, CHUNK (floats, a multiple of 4 · WORKGROUP).

struct Params {
  first_chunk: u32, chunks: u32, weight_decay: f32, eps: f32,
  momentum: f32, one_minus_dampening: f32, one_minus_beta1: f32, one_minus_beta2: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> values: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> owners: array<u32>;
@group(0) @binding(4) var<storage, read> states: array<vec4<f32>>;

// The gradient with coupled L2 weight decay: of loss + weight_decay / 2 · |values|².
fn decayed_gradient(i: u32) -> vec4<f32> {
  return gradients[i] + params.weight_decay * values[i];
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  for (var c = group.x; c < params.chunks; c += groups.x) {
    let chunk = params.first_chunk + c;
    let packed = states[owners[chunk] * STATE_STRIDE];
    let state = StepState(packed.x, packed.y, packed.z, packed.w);
    for (var k = lane; k < CHUNK / 4u; k += WORKGROUP) {
      update(chunk * (CHUNK / 4u) + k, state);
    }
  }
}
