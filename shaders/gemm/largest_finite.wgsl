// The largest finite magnitude of n floats, in PARTS parts, whose largest it is: what core_subgroup_matrix.wgsl scales an operand by.
//
// Magnitudes are compared by their bits, which order as they do; the largest of whole numbers is the same in any order.
// Constants: WORKGROUP, PARTS. Grid: PARTS workgroups, each of which takes every PARTS-th block.

struct Params { n: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<u32>;
@group(0) @binding(2) var<storage, read_write> parts: array<u32>;

const INFINITY = 0x7f800000u; // NaN lies above

var<workgroup> largest: atomic<u32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {
  if (local == 0u) { atomicStore(&largest, 0u); }
  workgroupBarrier();
  var mine = 0u;
  for (var i = group.x * WORKGROUP + local; i < params.n; i += PARTS * WORKGROUP) {
    let magnitude = values[i] & 0x7fffffffu;
    mine = max(mine, select(0u, magnitude, magnitude < INFINITY));
  }
  atomicMax(&largest, mine);
  workgroupBarrier();
  if (local == 0u) { parts[group.x] = atomicLoad(&largest); }
}
