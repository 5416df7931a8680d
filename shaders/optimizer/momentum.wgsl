// Momentum as PyTorch keeps it: buffer = momentum · buffer + (1 - dampening) · direction, and at the first step the
// direction undampened. Nesterov's variant looks ahead by one more step of the buffer: Sutskever, Martens, Dahl, Hinton,
// "On the importance of initialization and momentum in deep learning" (ICML 2013).
// Constants: NESTEROV, MOMENTUM_BINDING.

@group(0) @binding(MOMENTUM_BINDING) var<storage, read_write> momentum_buffer: array<vec4<f32>>;

fn velocity(i: u32, direction: vec4<f32>, state: StepState) -> vec4<f32> {
  var buffer = direction;
  if (state.step > 1.0) {
    buffer = params.momentum * momentum_buffer[i] + params.one_minus_dampening * direction;
  }
  momentum_buffer[i] = buffer;
  if (NESTEROV) { return direction + params.momentum * buffer; }
  return buffer;
}
