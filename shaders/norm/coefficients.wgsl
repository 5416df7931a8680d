// What a group's normalisation comes down to, kept from the forward to the backward pass as one vec4 a group:
//   y = (x - mean) · scale + shift,  scale = weight · inv_std,  inv_std = 1 / √(variance + eps),  shift = bias.
struct Coefficients { mean: f32, inv_std: f32, scale: f32, shift: f32 }

fn coefficients_of(packed: vec4<f32>) -> Coefficients {
  return Coefficients(packed.x, packed.y, packed.z, packed.w);
}
