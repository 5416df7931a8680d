// Reflection padding of the middle dimension of x (outer, size, inner): y[o, j, k] = x[o, mirror(j - before), k], where
// mirror turns round at the first and last element without repeating them: -1 → 1, size → size - 2.
//
// Work: one invocation per output, striding over the grid. Values are moved as 32-bit words. Constants: WORKGROUP.

struct Params { n: u32, size: u32, padded: u32, inner: u32, before: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    let k = i % params.inner;
    let j = (i / params.inner) % params.padded;
    let o = i / (params.inner * params.padded);
    let last = i32(params.size) - 1;
    let at = last - abs(last - abs(i32(j) - i32(params.before)));
    y[i] = x[(o * params.size + u32(at)) * params.inner + k];
  }
}
