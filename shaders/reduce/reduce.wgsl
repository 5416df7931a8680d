// y = sum, maximum or minimum of x over some of its dimensions, times a scale.
//
// Work: output o = (kept coordinates, split s). One invocation walks the s-th of `splits` equal parts of the reduced
// elements, in order, with two nested strides; a second run of the same kernel over [outputs, splits] finishes in
// fixed order, so the result never depends on scheduling. Linked with elementwise/is_nan.wgsl.
// Constants: WORKGROUP, KIND (0 sum, 1 max, 2 min), KEPT_RANK, REDUCED_RANK (0..8, after merging dimensions).

struct Params {
  n: u32, length: u32, splits: u32, scale: f32,
  kept: array<vec4<u32>, 8>, // size, stride
  reduced: array<vec4<u32>, 8>,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn kept_offset(index: u32) -> u32 {
  var rest = index;
  var offset = 0u;
  for (var d = KEPT_RANK; d > 0u; d--) {
    let dim = params.kept[d - 1u];
    offset += (rest % dim.x) * dim.y;
    rest /= dim.x;
  }
  return offset;
}

fn reduced_offset(index: u32) -> u32 {
  if (REDUCED_RANK == 1u) { return index * params.reduced[0].y; }
  var rest = index;
  var offset = 0u;
  for (var d = REDUCED_RANK; d > 0u; d--) {
    let dim = params.reduced[d - 1u];
    offset += (rest % dim.x) * dim.y;
    rest /= dim.x;
  }
  return offset;
}

fn combine(a: f32, b: f32) -> f32 {
  switch KIND {
    case 0u: { return a + b; }
    case 1u: { return select(b, a, a > b || is_nan(a)); } // NaN wins, as in PyTorch
    default: { return select(b, a, a < b || is_nan(a)); }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let part = (params.length + params.splits - 1u) / params.splits;
  for (var o = id.x; o < params.n; o += groups.x * WORKGROUP) {
    let base = kept_offset(o / params.splits);
    // The last part may be short, or start past the end: then it repeats the last element (max, min) or adds nothing.
    let start = (o % params.splits) * part;
    let stop = min(start + part, params.length);
    var total = 0.0;
    if (KIND != 0u) { total = x[base + reduced_offset(min(start, params.length - 1u))]; }
    for (var i = start; i < stop; i++) {
      total = combine(total, x[base + reduced_offset(i)]);
    }
    y[o] = total * params.scale;
  }
}
