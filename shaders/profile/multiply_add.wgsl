// A ceiling for arithmetic: eight independent multiply-add chains in registers, no memory in the loop, and a body long
// enough to hide the loop itself. Each invocation does rounds · 16 · 8 multiply-adds.
// Constants: WORKGROUP.

struct Params { rounds: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let f = params.factor;
  var a = f32(id.x) * 1e-6;
  var b = a + 1.0; var c = a + 2.0; var d = a + 3.0; var e = a + 4.0; var g = a + 5.0; var h = a + 6.0; var i = a + 7.0;
  for (var round = 0u; round < params.rounds; round++) {
    for (var repeat = 0u; repeat < 16u; repeat++) { // unrolled by the compiler
      a = a * f + f; b = b * f + f; c = c * f + f; d = d * f + f;
      e = e * f + f; g = g * f + f; h = h * f + f; i = i * f + f;
    }
  }
  y[id.x] = a + b + c + d + e + g + h + i;
}
