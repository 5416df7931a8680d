// The adjoint of forward.wgsl: gx[o, i, k] = gy at i's own place plus at its mirror images before and after, for
// those that lie inside the padding.
//
// Work: one invocation per element of gx, which looks at its up to three images in that order. Constants: WORKGROUP.

struct Params { n: u32, size: u32, padded: u32, inner: u32, before: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read_write> gx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var index = id.x; index < params.n; index += groups.x * WORKGROUP) {
    let k = index % params.inner;
    let i = (index / params.inner) % params.size;
    let row = index / (params.inner * params.size) * params.padded;
    let last = params.size - 1u;
    var total = gy[(row + params.before + i) * params.inner + k];
    if (i > 0u && i <= params.before) {
      total += gy[(row + params.before - i) * params.inner + k];
    }
    let mirrored = params.before + 2u * last - i;
    if (i < last && mirrored < params.padded) {
      total += gy[(row + mirrored) * params.inner + k];
    }
    gx[index] = total;
  }
}
