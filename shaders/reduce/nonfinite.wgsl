// Whether any of n floats is NaN or infinite: flags[index] becomes 1, and stays as it was otherwise. By the bits, since
// compilers may assume that there are no such values. Neighbouring invocations read neighbouring elements.
// Constants: WORKGROUP.

struct Params { n: u32, index: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> flags: array<atomic<u32>>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  var largest = 0u; // of the exponents: all ones for NaN and infinity alone
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    largest = max(largest, x[i] & 0x7f800000u);
  }
  if (largest == 0x7f800000u) { atomicStore(&flags[params.index], 1u); }
}
