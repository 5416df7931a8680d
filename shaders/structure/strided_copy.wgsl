// Copies elements between two layouts: y[target offset + Σ i_d target stride_d] = x[source offset + Σ i_d source stride_d].
// Permutation, slices with steps, expansion (stride 0), concatenation and constant padding are all this one copy.
//
// Work: one invocation strides over the flat index of the copied block. The host merges dimensions that both sides
// step through alike. Values are moved as 32-bit words, so any dtype will do.
// Constants: WORKGROUP, RANK 0..8.

struct Params { n: u32, source_offset: u32, target_offset: u32, pad: u32, dims: array<vec4<i32>, 8> } // size, source stride, target stride
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    var rest = i32(i);
    var from_index = i32(params.source_offset);
    var to_index = i32(params.target_offset);
    for (var d = RANK; d > 0u; d--) {
      let dim = params.dims[d - 1u];
      let at = rest % dim.x;
      rest /= dim.x;
      from_index += at * dim.y;
      to_index += at * dim.z;
    }
    y[to_index] = x[from_index];
  }
}
