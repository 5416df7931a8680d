// How far the optimizer of one parameter has come, kept on the device so that a replayed list of commands advances it.
// One vec4 at the start of each parameter's 256 bytes, the largest alignment that a view of it may need.

const STATE_STRIDE = 16u; // in vec4s

struct StepState {
  step: f32,              // updates so far; a float, as in PyTorch's state, exact up to 2^24
  lr: f32,
  bias_correction1: f32,  // 1 - beta1^step
  bias_correction2: f32,  // 1 - beta2^step
}
