// RMSprop divides by the root of the mean square of the gradient.

fn spread(i: u32, g: vec4<f32>, v: vec4<f32>) -> vec4<f32> {
  return v;
}
