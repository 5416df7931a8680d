// A ceiling for arithmetic: sixteen independent multiply-add chains in registers, no memory in the loop. What no
// float32 kernel on this adapter can pass. Each invocation does rounds · 16 · 4 multiply-adds.
// Constants: WORKGROUP.

struct Params { rounds: u32, factor: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let f = vec4(params.factor);
  let start = vec4(f32(id.x)) * 1e-6;
  var a = start; var b = start + 1.0; var c = start + 2.0; var d = start + 3.0;
  var e = start + 4.0; var g = start + 5.0; var h = start + 6.0; var i = start + 7.0;
  var j = start; var k = start + 1.5; var l = start + 2.5; var m = start + 3.5;
  var n = start + 4.5; var o = start + 5.5; var p = start + 6.5; var q = start + 7.5;
  for (var round = 0u; round < params.rounds; round++) {
    a = a * f + f; b = b * f + f; c = c * f + f; d = d * f + f;
    e = e * f + f; g = g * f + f; h = h * f + f; i = i * f + f;
    j = j * f + f; k = k * f + f; l = l * f + f; m = m * f + f;
    n = n * f + f; o = o * f + f; p = p * f + f; q = q * f + f;
  }
  let total = a + b + c + d + e + g + h + i + j + k + l + m + n + o + p + q;
  y[id.x] = total.x + total.y + total.z + total.w;
}
