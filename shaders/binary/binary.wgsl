// y = f(a, b) with NumPy broadcasting, for the f that KIND names.
//
// Work: output element i is read off a flat index; its coordinates give the two operands' offsets through their
// strides (0 where an operand is broadcast). The host merges dimensions that both operands step through alike, so
// RANK is 1 for equal shapes. Linked with is_nan.wgsl.
// Constants: WORKGROUP, KIND (0 add, 1 sub, 2 mul, 3 div, 4 maximum, 5 minimum, 6 equal-mask, 7 greater-mask), RANK 0..8.

struct Params { n: u32, pad0: u32, pad1: u32, pad2: u32, dims: array<vec4<u32>, 8> } // dims: size, stride of a, stride of b
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn apply(p: f32, q: f32) -> f32 {
  switch KIND {
    case 0u: { return p + q; }
    case 1u: { return p - q; }
    case 2u: { return p * q; }
    case 3u: { return p / q; }
    case 4u: { return select(q, p, p > q || is_nan(p)); } // NaN wins, as in PyTorch
    case 5u: { return select(q, p, p < q || is_nan(p)); }
    case 6u: { return select(0.0, 1.0, p == q); }
    default: { return select(0.0, 1.0, p > q); }
  }
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  for (var i = id.x; i < params.n; i += groups.x * WORKGROUP) {
    var rest = i;
    var offset_a = 0u;
    var offset_b = 0u;
    for (var d = RANK; d > 1u; d--) {
      let dim = params.dims[d - 1u];
      let at = rest % dim.x;
      rest /= dim.x;
      offset_a += at * dim.y;
      offset_b += at * dim.z;
    }
    if (RANK > 0u) {
      offset_a += rest * params.dims[0].y;
      offset_b += rest * params.dims[0].z;
    }
    y[i] = apply(a[offset_a], b[offset_b]);
  }
}
