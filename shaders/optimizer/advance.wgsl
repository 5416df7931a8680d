// Opens an optimizer step: counts it for some parameters and computes what their update needs of the count.
//
// 1 - beta^t comes from expm1(t · log(beta)) with log(beta) rounded from float64. Powers of a float32 beta would be off
// by 1e-5 at first (float32(0.999) is 1.3e-8 from 0.999, and 1 - beta is 1e-3); so computed the relative error stays
// below 4e-7: 1 ulp from each of log(beta), the product and the sums, or WGSL's exp (3 + 2|x| ulp) past x = -1.
// Work: one invocation per parameter. Constants: WORKGROUP.

struct Params { first: u32, count: u32, log_beta1: f32, log_beta2: f32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> settings: array<f32>; // [lr]
@group(0) @binding(2) var<storage, read_write> states: array<vec4<f32>>;

// 1 - e^-y for y >= 0: the series y (1 - y/2 (1 - y/3 (…))) up to y = 1, where the first term left out is 1e-10.
fn one_minus_exp(y: f32) -> f32 {
  if (y >= 1.0) { return 1.0 - exp(-y); }
  var series = 1.0;
  for (var k = 12.0; k > 1.0; k -= 1.0) {
    series = 1.0 - y / k * series;
  }
  return y * series;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.count) { return; }
  let i = (params.first + id.x) * STATE_STRIDE;
  let step = states[i].x + 1.0;
  let state = StepState(
    step,
    settings[0],
    one_minus_exp(-step * params.log_beta1),
    one_minus_exp(-step * params.log_beta2),
  );
  states[i] = vec4(state.step, state.lr, state.bias_correction1, state.bias_correction2);
}
