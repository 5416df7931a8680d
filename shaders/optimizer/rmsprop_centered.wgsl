// Centred RMSprop divides by the root of the variance of the gradient: Graves, "Generating sequences with recurrent
// neural networks" (2013), equations 38 to 45. Rounding may make a tiny variance negative; it counts as 0.

@group(0) @binding(6) var<storage, read_write> grad_avg: array<vec4<f32>>;

fn spread(i: u32, g: vec4<f32>, v: vec4<f32>) -> vec4<f32> {
  let mean = grad_avg[i] + params.one_minus_beta2 * (g - grad_avg[i]);
  grad_avg[i] = mean;
  return max(v - mean * mean, vec4(0.0));
}
