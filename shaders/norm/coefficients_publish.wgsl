// Writes a group's coefficients from its moments. weight and bias are (channels). See coefficients.wgsl.
// Constants: PUBLISH, HAS_WEIGHT, HAS_BIAS (without them any buffer may be bound in their places).
@group(0) @binding(PUBLISH) var<storage, read> weight: array<f32>;
@group(0) @binding(PUBLISH + 1u) var<storage, read> bias: array<f32>;
@group(0) @binding(PUBLISH + 2u) var<storage, read_write> coefficients: array<vec4<f32>>;

fn publish_coefficients(group: u32, mean: f32, variance: f32) {
  let channel = group % params.channels;
  let inv_std = 1.0 / sqrt(variance + params.eps);
  var scale = inv_std;
  if (HAS_WEIGHT) { scale *= weight[channel]; }
  var shift = 0.0;
  if (HAS_BIAS) { shift = bias[channel]; }
  coefficients[group] = vec4(mean, inv_std, scale, shift);
}
