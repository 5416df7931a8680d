// gx[row, :] = the sum of gy[i, :] over the i whose index is `row`, in the order of i: the adjoint of
// index_select.wgsl.
//
// Work: one invocation per element of gx reads all `count` indices. That is rows × count reads in all, with no
// atomics and so a fixed order; good for the batches and label tables of a GAN, not for large vocabularies.
// Constants: WORKGROUP.

struct Params { n: u32, count: u32, inner: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gy: array<f32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> gx: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var at = id.x; at < params.n; at += groups.x * WORKGROUP) {
    let row = at / params.inner;
    let k = at % params.inner;
    var total = 0.0;
    for (var i = 0u; i < params.count; i++) {
      if (indices[i] == row) { total += gy[i * params.inner + k]; }
    }
    gx[at] = total;
  }
}
