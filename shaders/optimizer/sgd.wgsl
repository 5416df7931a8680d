// Stochastic gradient descent: values -= lr · velocity(gradient). Joined with frame.wgsl and one of the momentum files.

fn update(i: u32, state: StepState) {
  let step = velocity(i, decayed_gradient(i), state);
  values[i] -= state.lr * step;
}
