// RMSprop (Tieleman and Hinton, Coursera lecture 6.5, 2012), as in PyTorch:
//   v = alpha v + (1 - alpha) g²;  values -= lr · velocity(g / (√spread(v) + eps)).
// 1 - alpha is params.one_minus_beta2. Joined with frame.wgsl, one of the rmsprop_* and one of the momentum files.

@group(0) @binding(5) var<storage, read_write> square_avg: array<vec4<f32>>;

fn update(i: u32, state: StepState) {
  let g = decayed_gradient(i);
  let v = square_avg[i] + params.one_minus_beta2 * (g * g - square_avg[i]);
  square_avg[i] = v;
  let step = velocity(i, g / (sqrt(spread(i, g, v)) + params.eps), state);
  values[i] -= state.lr * step;
}
