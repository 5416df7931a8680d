// y[i, :] = x[indices[i], :], for x of `rows` rows of `inner` elements. A row outside x comes out as the word
// `missing` (NaN as float32), never as some other row.
//
// Work: one invocation per element of y, striding over the grid. Values are moved as 32-bit words; a negative int32
// index reads as a large u32, which is outside x. Constants: WORKGROUP.

struct Params { n: u32, rows: u32, inner: u32, missing: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    let row = indices[i / params.inner];
    var value = params.missing;
    if (row < params.rows) { value = x[row * params.inner + i % params.inner]; }
    y[i] = value;
  }
}
